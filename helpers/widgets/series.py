"""The notebooks of the series: one table, read by the map of notebook 00 and by the README's test."""

from typing import NamedTuple


class Notebook(NamedTuple):
    """One notebook of the series.

    Attributes:
        number: 0 to 10; the file's name begins with it, in two digits.
        title: its name.
        question: the one question it answers.
        exercises: its module in `helpers.exercises`.
    """

    number: int
    title: str
    question: str
    exercises: str


SERIES = (
    Notebook(0, "Start here", "How does this workbook work, and is everything there?", "start_here"),
    Notebook(
        1,
        "Linear layers",
        "What does a linear layer compute, and why are ten of them no better than one?",
        "linear",
    ),
    Notebook(
        2, "Losses and optimizers", "What number does training push down, and how does each optimizer push?", "losses"
    ),
    Notebook(
        3,
        "The limits of fully-connected networks",
        "A fully-connected net can learn birds and airplanes; why is it the wrong tool?",
        "limits",
    ),
    Notebook(
        4,
        "Convolution by hand",
        "What is the one operation that keeps what is near together and treats every place alike?",
        "convolution",
    ),
    Notebook(5, "Padding, stride, dilation", "How large is the output, and what happens at the rim?", "padding"),
    Notebook(6, "Edge kernels", "What can nine numbers see?", "edges"),
    Notebook(
        7,
        "Pooling and the receptive field",
        "How does a small kernel come to see a whole airplane?",
        "pooling",
    ),
    Notebook(
        8, "Subclassing nn.Module", "What does a module do for you, and when is Sequential not enough?", "modules"
    ),
    Notebook(9, "Normalization", "Over which axes do you average, and what does it buy?", "normalization"),
    Notebook(10, "GPU training", "What is the whole program, and what changes when there is a GPU?", "gpu"),
)
