"""Named kernels, written as grids you can see.

A kernel is laid over a patch of the picture as it stands here (torch's convention, no flip): each number multiplies
the pixel under it, the products are summed and the sum is divided by the divisor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from .shapes import short


@dataclass(frozen=True)
class Kernel:
    """A named kernel.

    Attributes:
        name: the key under which `KERNELS` holds it.
        sees: one sentence on what it sees.
        grid: its whole numbers, row by row, before the division.
        divisor: what every number is divided by, >= 1.
    """

    name: str
    sees: str
    grid: tuple[tuple[int, ...], ...]
    divisor: int = 1

    def tensor(self) -> Tensor:
        """Return grid / divisor as a fresh tensor: (rows, columns), float32."""
        return torch.tensor(self.grid, dtype=torch.float32) / self.divisor


def kernel(name: str) -> Tensor:
    """Return the named kernel as a fresh tensor: (rows, columns), float32, already divided by its divisor.

    Raises:
        ValueError: no kernel has this name; the message lists those there are.
    """
    if not isinstance(name, str) or name not in KERNELS:
        raise ValueError(f"there is no kernel {short(name)}: take one of {', '.join(KERNELS)}")
    return KERNELS[name].tensor()


# fmt: off
_ALL = (
    Kernel("identity", "It copies the picture: only the pixel in the middle counts.", (
        (0, 0, 0),
        (0, 1, 0),
        (0, 0, 0),
    )),
    Kernel("box blur", "It blurs: each pixel becomes the mean of its 3×3 neighbourhood.", (
        (1, 1, 1),
        (1, 1, 1),
        (1, 1, 1),
    ), divisor=9),
    Kernel("box blur 5x5", "It blurs more: each pixel becomes the mean of its 5×5 neighbourhood.", (
        (1, 1, 1, 1, 1),
        (1, 1, 1, 1, 1),
        (1, 1, 1, 1, 1),
        (1, 1, 1, 1, 1),
        (1, 1, 1, 1, 1),
    ), divisor=25),
    Kernel("sum", "It adds up nine pixels: the box blur, nine times brighter.", (
        (1, 1, 1),
        (1, 1, 1),
        (1, 1, 1),
    )),
    Kernel("gaussian", "It blurs softly: near pixels count more than far ones.", (
        (1, 2, 1),
        (2, 4, 2),
        (1, 2, 1),
    ), divisor=16),
    Kernel("gaussian 5x5", "It blurs softly over a wider neighbourhood: the 3×3 gaussian applied twice.", (
        (1,  4,  6,  4, 1),
        (4, 16, 24, 16, 4),
        (6, 24, 36, 24, 6),
        (4, 16, 24, 16, 4),
        (1,  4,  6,  4, 1),
    ), divisor=256),
    Kernel("sharpen", "It sharpens: what differs from the four neighbours is made to differ more.", (
        ( 0, -1,  0),
        (-1,  5, -1),
        ( 0, -1,  0),
    )),
    Kernel("prewitt x", "It sees vertical edges: positive if the right side is brighter, negative if the left is.", (
        (-1, 0, 1),
        (-1, 0, 1),
        (-1, 0, 1),
    )),
    Kernel("prewitt y", "It sees horizontal edges: positive if the lower side is brighter, negative if the upper is.", (
        (-1, -1, -1),
        ( 0,  0,  0),
        ( 1,  1,  1),
    )),
    Kernel("sobel x", "It sees vertical edges like Prewitt x, but the middle row counts double.", (
        (-1, 0, 1),
        (-2, 0, 2),
        (-1, 0, 1),
    )),
    Kernel("sobel y", "It sees horizontal edges like Prewitt y, but the middle column counts double.", (
        (-1, -2, -1),
        ( 0,  0,  0),
        ( 1,  2,  1),
    )),
    Kernel("laplacian 4", "It sees edges of every direction: how far the four neighbours differ from the middle.", (
        (0,  1, 0),
        (1, -4, 1),
        (0,  1, 0),
    )),
    Kernel("laplacian 8", "It sees edges and lone pixels: how far all eight neighbours differ from the middle.", (
        (1,  1, 1),
        (1, -8, 1),
        (1,  1, 1),
    )),
    Kernel("emboss", "It makes a relief: what brightens towards the lower right stands out, the opposite sinks.", (
        (-2, -1, 0),
        (-1,  1, 1),
        ( 0,  1, 2),
    )),
    Kernel("diagonal down", "It sees bright lines that run down to the right: 1 on a perfect one, 0 on flat areas.", (
        ( 2, -1, -1),
        (-1,  2, -1),
        (-1, -1,  2),
    ), divisor=6),
    Kernel("diagonal up", "It sees bright lines that run up to the right: 1 on a perfect one, 0 on flat areas.", (
        (-1, -1,  2),
        (-1,  2, -1),
        ( 2, -1, -1),
    ), divisor=6),
    Kernel("cross", "It sees a bright upright cross, +: 1 on a perfect one, 0 on flat areas, −1 on its negative.", (
        (-5,  4, -5),
        ( 4,  4,  4),
        (-5,  4, -5),
    ), divisor=20),
    Kernel("checkerboard", "It sees a checkerboard of single pixels: 1 if the middle is bright, −1 if it is dark.", (
        ( 4, -5,  4),
        (-5,  4, -5),
        ( 4, -5,  4),
    ), divisor=20),
    Kernel("shift left", "It moves the picture one pixel to the left: each pixel takes its right neighbour's value.", (
        (0, 0, 0),
        (0, 0, 1),
        (0, 0, 0),
    )),
    Kernel("shift right", "It moves the picture one pixel to the right: each pixel takes its left neighbour's value.", (
        (0, 0, 0),
        (1, 0, 0),
        (0, 0, 0),
    )),
    Kernel("shift up", "It moves the picture one pixel up: each pixel takes the value of the one below.", (
        (0, 0, 0),
        (0, 0, 0),
        (0, 1, 0),
    )),
    Kernel("shift down", "It moves the picture one pixel down: each pixel takes the value of the one above.", (
        (0, 1, 0),
        (0, 0, 0),
        (0, 0, 0),
    )),
)
# fmt: on

KERNELS: Mapping[str, Kernel] = MappingProxyType({one.name: one for one in _ALL})
