"""The questions that the notebooks ask before they show an answer, one module per notebook.

They stand here and not in the notebooks because a cell that holds the answer would show it before the guess.
"""
