"""The exercise of notebook 00."""

import torch

from .engine import Refused, exercise


def _cases(seed):
    return [("", (), {})]


def _as_kernel(answer):
    kernel = answer()
    of_numpy = type(kernel).__module__ == "numpy"
    if isinstance(kernel, (list, tuple)) or of_numpy:
        try:
            kernel = torch.as_tensor(kernel) if of_numpy else torch.tensor(kernel)
        except (TypeError, ValueError, RuntimeError):
            raise Refused("Return a 3×3 tensor, or three lists of three numbers each: yours is neither.") from None
    if isinstance(kernel, torch.Tensor) and kernel.is_complex():
        raise Refused("Return a 3×3 tensor of plain numbers: yours are complex.")
    if isinstance(kernel, torch.Tensor) and kernel.shape == (3, 3):
        return kernel.float().double()  # any kind of number, and not a bit beside the right one
    return kernel


def _one(row, col, weight):
    kernel = torch.zeros(3, 3)
    kernel[row, col] = weight
    return kernel


@exercise(
    title="Down and darker",
    contract="Return a 3×3 kernel, a tensor or three lists of three numbers, that moves the picture one pixel "
    "**down** and makes it half as bright. Try it in the kernel lab first: each pixel becomes the sum of its 3×3 "
    "neighbourhood times the kernel.",
    hints=(
        "When a picture moves down, each pixel shows what stood one step above it.",
        "One weight is enough, the other eight are 0. Where it stands says which neighbour is read, and its size says "
        "how bright that neighbour is shown.",
        "The weight stands in the middle of the top row, and it is 0.5: half of the neighbour above.",
    ),
    cases=_cases,
    use=_as_kernel,
)
def down_and_darker():
    """Return the 3×3 kernel that moves a picture one pixel down and makes it half as bright."""
    return torch.tensor([[0.0, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


@down_and_darker.also_right
def lists():
    return [[0, 0.5, 0], [0, 0, 0], [0, 0, 0]]


@down_and_darker.also_right
def one_weight():
    kernel = torch.zeros(3, 3)
    kernel[0, 1] = 1
    return kernel / 2


@down_and_darker.also_right
def array():
    return one_weight().double().numpy()


@down_and_darker.also_right
def one_hot():
    return torch.nn.functional.one_hot(torch.tensor(1), 9).view(3, 3) * 0.5


@down_and_darker.wrong("This kernel moves the picture up: each pixel shows what stood below it. Read the one above.")
def up():
    return _one(2, 1, 0.5)


@down_and_darker.wrong(
    "This kernel moves the picture to the left. The row of the weight says up or down, its column says left or right."
)
def left():
    return _one(1, 2, 0.5)


@down_and_darker.wrong(
    "This kernel moves the picture to the right. The row of the weight says up or down, its column says left or right."
)
def right():
    return _one(1, 0, 0.5)


@down_and_darker.wrong("This kernel makes the picture darker, but leaves it where it is: the middle reads the pixel.")
def in_place():
    return _one(1, 1, 0.5)


@down_and_darker.wrong("This kernel leaves the picture as it is: the 1 in the middle reads the pixel itself.")
def identity():
    return _one(1, 1, 1)


@down_and_darker.wrong(
    "This kernel moves the picture down and keeps its brightness: the size of the weight says how bright it becomes."
)
def as_bright():
    return _one(0, 1, 1)


@down_and_darker.wrong("This kernel moves the picture down, but makes it twice as bright: half as bright takes 0.5.")
def twice_as_bright():
    return _one(0, 1, 2)


@down_and_darker.wrong(
    "This kernel moves the picture down and turns it negative: a weight below 0 makes bright pixels dark."
)
def negative():
    return _one(0, 1, -0.5)


@down_and_darker.wrong("This kernel moves the picture up and keeps its brightness: neither is asked for.")
def up_as_bright():
    return _one(2, 1, 1)


@down_and_darker.wrong(
    "This kernel moves the picture down and also to the right: the weight stands in a corner, not in the middle column."
)
def down_right():
    return _one(0, 0, 0.5)


@down_and_darker.wrong(
    "This kernel moves the picture down and also to the left: the weight stands in a corner, not in the middle column."
)
def down_left():
    return _one(0, 2, 0.5)


@down_and_darker.wrong("This kernel moves the picture up and to the right: it reads the neighbour below on the left.")
def up_right():
    return _one(2, 0, 0.5)


@down_and_darker.wrong("This kernel moves the picture up and to the left: it reads the neighbour below on the right.")
def up_left():
    return _one(2, 2, 0.5)


@down_and_darker.wrong(
    "This kernel makes the picture half as bright and blurs it, but does not move it: one weight should differ from 0."
)
def blur():
    return torch.full((3, 3), 1 / 18)


@down_and_darker.wrong(
    "This kernel moves the picture down, but blurs it sideways and makes it brighter: it adds three neighbours up."
)
def whole_row():
    return [[0.5, 0.5, 0.5], [0, 0, 0], [0, 0, 0]]


@down_and_darker.wrong(
    "This kernel lays the moved picture over the old one: only the neighbour above should be read, not the middle."
)
def laid_over():
    return [[0, 0.5, 0], [0, 0.5, 0], [0, 0, 0]]
