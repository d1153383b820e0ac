"""The questions of notebook 08."""

from ..widgets import Prediction


def message() -> Prediction:
    """Ask what the message says when the flatten is missing."""
    return Prediction(
        "One picture, (1, 3, 32, 32), goes through a Sequential: convolutions and poolings make it (1, 8, 8, 8), then "
        "comes `Linear(512, 32)`. The flatten between them was forgotten. torch says: mat1 and mat2 shapes cannot be "
        "multiplied. What is the shape of mat1?",
        choices=[
            ("1 × 512", "That is what a flatten would have made of it, and then nothing would have stopped."),
            ("64 × 8", "A linear layer works on the last axis, and takes all axes before it as one long batch."),
            ("8 × 64", "One row for each channel: a linear layer does not know what a channel is."),
            ("3 × 1024", "That is the picture itself, and the convolutions have had it already."),
        ],
        answer=1,
        explanation="The last axis, 8, should be 512. All axes before it are rows: 1 · 8 · 8 = 64.",
    )


def registered() -> Prediction:
    """Ask what a module finds of a plain list."""
    return Prediction(
        "In `__init__` stands `self.layers = [nn.Linear(4, 4), nn.Linear(4, 2)]`, a plain Python list. How many "
        "parameters, counted as single numbers, does `net.parameters()` give to the optimizer?",
        number=0,
        unit="parameters",
        wrong={
            30: "That many numbers are in the two layers. But the module does not look into a plain list.",
            24: "That many weights are in the two layers. But the module does not look into a plain list.",
            2: "There are two layers in the list, but the module does not look into it.",
            20: "The first layer is in the list as well as the second; the module looks at neither.",
        },
        explanation="A module notices what is set as an attribute: a parameter, or a module. A list is neither.",
    )


def dropout() -> Prediction:
    """Ask what eval does to a dropout that is a function."""
    return Prediction(
        "`forward` holds the line `x = F.dropout(x, 0.5)`. You call `net.eval()` and give the net the same picture "
        "twice. What do you see?",
        choices=[
            ("Twice the same: eval switches dropout off", "eval sets a flag in each module. A function is no module."),
            ("Two different outputs", "The function has `training=True` by default, and nobody told it otherwise."),
            ("An error: dropout needs a module", "It is a function like others, and it runs."),
        ],
        answer=1,
        explanation="`net.eval()` sets `self.training` to False, nothing more. Hand it on: "
        "`F.dropout(x, 0.5, training=self.training)`.",
    )
