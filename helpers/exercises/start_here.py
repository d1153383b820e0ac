"""The exercise of notebook 00."""

import torch

from .engine import Refused, exercise


def _cases(seed):
    return [("", (), {})]


def _as_kernel(answer):
    kernel = answer()
    if kernel is ... or kernel is None:
        return kernel
    if isinstance(kernel, (list, tuple)):
        try:
            kernel = torch.tensor(kernel)
        except (TypeError, ValueError, RuntimeError):
            raise Refused(
                "Return a 3×3 tensor, or three lists of three numbers each: one of yours is no such list."
            ) from None
    if isinstance(kernel, torch.Tensor) and kernel.shape == (3, 3) and not kernel.is_complex():
        return kernel.float()
    return kernel


@exercise(
    title="Move the picture",
    contract="Return a 3×3 kernel, a tensor or three lists of three numbers, that moves the picture one pixel to "
    "the **left** "
    "and keeps its brightness. Try it in the kernel lab first: each pixel becomes the sum of its 3×3 "
    "neighbourhood times the kernel.",
    hints=(
        "When a picture moves to the left, each pixel shows what stood one step to its right.",
        "One weight is 1 and the other eight are 0. The weight in the middle reads the pixel itself.",
        "The 1 stands in the middle row, at the right: the kernel reads the neighbour on the right.",
    ),
    cases=_cases,
    use=_as_kernel,
)
def shift_left_kernel():
    """Return the 3×3 kernel that moves a picture one pixel to the left."""
    return torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])


@shift_left_kernel.also_right
def lists():
    return [[0, 0, 0], [0, 0, 1], [0, 0, 0]]


@shift_left_kernel.also_right
def one_weight():
    kernel = torch.zeros(3, 3)
    kernel[1, 2] = 1
    return kernel


@shift_left_kernel.wrong(
    "This kernel moves the picture to the right: it shows at each pixel what stood on its left. Read the "
    "neighbour on the other side."
)
def right():
    return [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


@shift_left_kernel.wrong("This kernel moves the picture up. The row says up or down, the column says left or right.")
def up():
    return [[0, 0, 0], [0, 0, 0], [0, 1, 0]]


@shift_left_kernel.wrong("This kernel moves the picture down. The row says up or down, the column says left or right.")
def down():
    return [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


@shift_left_kernel.wrong("This kernel leaves the picture where it is: the 1 in the middle reads the pixel itself.")
def identity():
    return [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


@shift_left_kernel.wrong(
    "This kernel moves the picture, and also makes it three times brighter: the nine weights should sum to 1."
)
def bright():
    return [[0, 0, 1], [0, 0, 1], [0, 0, 1]]


@shift_left_kernel.wrong("This kernel lays the moved picture over the old one: the weight in the middle should be 0.")
def double():
    return [[0, 0, 0], [0, 1, 1], [0, 0, 0]]


@shift_left_kernel.wrong(
    "This kernel finds edges: it subtracts the left neighbour. Only one weight should differ from 0."
)
def edge():
    return [[0, 0, 0], [-1, 0, 1], [0, 0, 0]]
