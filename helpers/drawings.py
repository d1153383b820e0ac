"""The drawn pictures: birds and airplanes, slashes, and the small patterns. They need no network and no file.

Only whole numbers, comparisons and + − × ÷ are used, whose results are the same on every machine: no sine, no
exponential, no floating-point sum. numpy keeps the numbers of RandomState the same for ever.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np

SKIES = [  # red, green, blue
    *((70, 130, 210), (150, 190, 230), (225, 225, 215), (120, 125, 135)),
    *((235, 165, 110), (45, 55, 95), (95, 140, 90), (190, 170, 200)),
]
PAINTS = [  # red, green, blue
    *((245, 245, 240), (25, 25, 35), (200, 40, 40), (240, 200, 40), (40, 80, 170)),
    *((30, 120, 70), (150, 95, 50), (130, 135, 145), (235, 130, 30), (90, 45, 110)),
]
BODY, WINGS, DETAIL = 1, 2, 3


def birds_airplanes(train: bool) -> "tuple[np.ndarray, np.ndarray]":
    """Draw birds and airplanes from above and from the side, in equal numbers, on the same skies, in the same paints.

    Args:
        train: True for the 2,000 pictures to train on, False for the 500 to test with.
    Returns:
        pixels: (N, 3, 32, 32), uint8; labels: (N,), 0 for an airplane, 1 for a bird.
    """
    import numpy as np

    count = 2000 if train else 500
    random = np.random.RandomState(2000 if train else 500)
    view = random.permutation(count) % 4
    pixels = np.empty((count, 3, 32, 32), np.uint8)
    for number, shape in enumerate((_airplane_above, _airplane_side, _bird_above, _bird_side)):
        rows = np.flatnonzero(view == number)
        for part in np.array_split(rows, -(-len(rows) // 25)):  # few enough to stay in the processor's cache
            pixels[part] = _paint(shape, len(part), random)
    return pixels, view // 2


def slashes(train: bool) -> "tuple[np.ndarray, np.ndarray]":
    """Draw each / and \\ of five pixels at each place, once.

    Training drawings lie on the black squares of a chessboard, test drawings on the white ones (a diagonal never
    leaves its colour): a test drawing lights no pixel that a training drawing lit.

    Args:
        train: True for the drawings to train on, False for those to test with; 576 each.
    Returns:
        pixels: (576, 1, 28, 28), uint8; labels: (576,), 0 for /, 1 for \\.
    """
    import numpy as np

    length, size = 5, 28
    places = [(r, c) for r in range(size - length + 1) for c in range(size - length + 1) if (r + c) % 2 != train]
    steps = np.arange(length)
    pixels = np.zeros((2 * len(places), 1, size, size), np.uint8)
    for n, (row, column) in enumerate(places):
        pixels[2 * n, 0, row + steps[::-1], column + steps] = 255
        pixels[2 * n + 1, 0, row + steps, column + steps] = 255
    order = np.random.RandomState(7).permutation(len(pixels))
    return pixels[order], order % 2


def patterns() -> dict[str, Tensor]:
    """Return small pictures made by hand, on which one sees what a kernel does.

    Returns:
        name -> (1, 16, 16), float32 in [0, 1], fresh tensors.
    """
    row, column = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    from_middle = (2 * row - 15) ** 2 + (2 * column - 15) ** 2  # squared, in half pixels
    made = {
        "vertical edge": column >= 8,
        "horizontal edge": row >= 8,
        "diagonal edge": column > row,
        "stripes": column % 4 < 2,
        "checkerboard": (row // 2 + column // 2) % 2 == 1,
        "fine checkerboard": (row + column) % 2 == 1,
        "cross": ((row - 8).abs() < 2) | ((column - 8).abs() < 2),
        "square": (row >= 4) & (row < 12) & (column >= 4) & (column < 12),
        "ring": (from_middle < 13**2) & (from_middle > 8**2),
        "dot": (row == 8) & (column == 8),
        "gradient": column / 15,
    }
    return {name: picture[None].to(torch.float32) for name, picture in made.items()}


def _paint(shape: Callable, n: int, random: "np.random.RandomState") -> "np.ndarray":
    """Return n pictures, (n, 3, 32, 32), of a shape with chance in place, size, angle, direction, paint and sky."""
    import numpy as np

    size, fine = 32, 3  # a pixel is 3×3 samples

    def between(low: float, high: float) -> np.ndarray:
        return (low + (high - low) * random.random_sample((n, 1, 1))).astype(np.float32)

    def whole(low: int, high: int, *shape: int) -> np.ndarray:  # other types give other numbers
        return random.randint(low, high, size=shape, dtype=np.int32)

    # Where each sample lies for the drawn thing: u ahead and v up, in half lengths from its middle.
    middle = ((np.arange(size * fine) + 0.5) / fine - size / 2).astype(np.float32)
    half_angle = between(-0.18, 0.18)  # its tangent
    cos, sin = (1 - half_angle**2) / (1 + half_angle**2), 2 * half_angle / (1 + half_angle**2)
    length, direction = between(11, 14), np.where(between(0, 1) < 0.5, -1, 1).astype(np.float32)
    x, y = middle - between(-2.5, 2.5), middle[:, None] - between(-2.5, 2.5)
    u = (cos * x + sin * y) * (direction / length)
    v = (sin * x - cos * y) * (between(1, 1.3) / length)
    top_layer = np.zeros(u.shape, np.uint8)
    for layer, inside in shape(u, v, between):
        top_layer[inside] = layer

    # The sky: from one colour to another along a slope, with three soft clouds, light or dark.
    skies, paints, grid = (np.array(numbers, dtype=np.int32) for numbers in (SKIES, PAINTS, range(size)))
    first, second = skies[whole(0, len(skies), 2, n)]
    slope = whole(0, size + 1, n, 1, 1)
    along = (grid[:, None] * slope + grid * (size - slope))[:, None]  # 0 to 31 · 32
    sky = first[:, :, None, None] + (second - first)[:, :, None, None] * along // (2 * 31 * 32)
    for _ in range(3):
        row, column, wide, high = (whole(a, b, n, 1, 1) for a, b in ((0, 32), (0, 32), (4, 14), (2, 6)))
        distance = ((grid - column) * high) ** 2 + ((grid[:, None] - row) * wide) ** 2
        cover = np.maximum((wide * high) ** 2 - distance, 0) * 128 // (wide * high) ** 2
        sky = sky + (whole(60, 256, n, 1, 1, 1) - sky) * cover[:, None] // 224

    # Paints that stand out from the sky, the wings one shade further from it than the body.
    def brightness(colours: np.ndarray) -> np.ndarray:
        return (2 * colours[..., 0] + 5 * colours[..., 1] + colours[..., 2]) // 8

    sky_brightness = brightness(sky.sum((2, 3)) // size**2)
    contrast = np.abs(brightness(paints) - sky_brightness[:, None])

    def stands_out(least: int) -> np.ndarray:
        return paints[np.argmax((contrast >= least) * (1 + whole(0, 1000, *contrast.shape)), axis=1)]

    body, detail = stands_out(70), stands_out(40)
    end = np.where(brightness(body) > sky_brightness, 255, 0)[:, None]
    picture = sky * fine**2
    for layer, paint in ((BODY, body), (WINGS, (2 * body + end) // 3), (DETAIL, detail)):
        inside = top_layer == layer
        samples = sum(inside[:, i::fine, j::fine].astype(np.int32) for i in range(fine) for j in range(fine))
        picture = picture + samples[:, None] * (paint[:, :, None, None] - sky)

    noise = (whole(-8, 9, *picture.shape) + whole(-8, 9, *picture.shape)) * whole(2, 9, n, 1, 1, 1) // 8
    light = whole(-30, 31, n, 1, 1, 1)
    return np.clip(picture // fine**2 + noise + light, 0, 255).astype(np.uint8)


# Each shape: u, v (n, H, W) and the source of chance -> its layers, the lowest first: which part, where it is.


def _ellipse(u: "np.ndarray", v: "np.ndarray", middle_u: float, middle_v: float, a: float, b: float) -> "np.ndarray":
    return ((u - middle_u) * (1 / a)) ** 2 + ((v - middle_v) * (1 / b)) ** 2 < 1


def _airplane_above(u: "np.ndarray", v: "np.ndarray", between: Callable) -> Iterator:
    out = abs(v)
    sweep, span = between(0.35, 0.75), between(0.85, 1.05)
    yield WINGS, (out < span) & (u < 0.34 - sweep * out) & (u > -0.08 - (sweep - 0.22) * out)
    yield WINGS, (out < 0.4) & (u < -0.62 - 0.5 * out) & (u > -0.86 - 0.35 * out)  # tail
    yield WINGS, _ellipse(u, out, 0.16 - 0.45 * sweep, 0.45, 0.17, 0.065)  # engines
    body = _ellipse(u, v, 0, 0, 1.05, 0.15)
    yield BODY, body
    yield DETAIL, body & (u > 0.68)  # nose


def _airplane_side(u: "np.ndarray", v: "np.ndarray", between: Callable) -> Iterator:
    sweep, reach = between(0.7, 1.2), between(0.4, 0.6)
    yield WINGS, (v > 0) & (v < 0.55) & (u < -0.52 - 0.75 * v) & (u > -1.02 - 0.25 * v)  # fin
    yield WINGS, (v > 0.1) & (v < 0.32) & (u < 0.26 - sweep * v) & (u > -0.05 - (sweep - 0.2) * v)  # far wing
    yield BODY, _ellipse(u, v, 0, 0, 1.1, 0.2)
    yield DETAIL, (v > 0.03) & (v < 0.11) & (u > -0.6) & (u < 0.8)  # windows
    down = -v
    yield WINGS, (down > 0) & (down < reach) & (u < 0.32 - sweep * down) & (u > -0.12 - (sweep - 0.25) * down)
    yield WINGS, (down > -0.06) & (down < 0.2) & (u < -0.72 - 0.7 * down) & (u > -0.95 - 0.6 * down)  # tail


def _bird_above(u: "np.ndarray", v: "np.ndarray", between: Callable) -> Iterator:
    out = abs(v)
    span, rise, bend = between(1.0, 1.2), between(0.75, 1.05), between(0.8, 1.1)
    yield WINGS, (out < span) & (abs(u - 0.05 - rise * out + bend * out**2) < 0.24 * (1 - (out / span) ** 2))
    yield WINGS, (u < -0.3) & (u > -0.88 + 0.4 * out) & (out < 0.03 - 0.38 * (u + 0.3))  # tail, a fan
    yield BODY, _ellipse(u, v, 0, 0, 0.5, 0.19) | _ellipse(u, v, 0.52, 0, 0.2, 0.17)
    yield DETAIL, (u > 0.66) & (out < 0.3 * (0.98 - u))  # beak


def _bird_side(u: "np.ndarray", v: "np.ndarray", between: Callable) -> Iterator:
    reach = between(0.75, 1.0)
    up = v * ((between(0, 1) < 0.7) * 2 - 1).astype(v.dtype)  # wings raised, or beaten down
    wing = 1 - (up / reach) ** 2
    beating = (up > 0) & (up < reach)
    yield WINGS, beating & (abs(u - 0.3 - 0.75 * up + 0.6 * up**2) < 0.2 * wing)  # far wing
    yield BODY, _ellipse(u, v - 0.15 * u, 0, 0, 0.62, 0.24) | _ellipse(u, v, 0.6, 0.2, 0.23, 0.2)
    yield BODY, (u < -0.4) & (u > -1.05) & (abs(v - 0.2 * u) < 0.02 - 0.3 * (u + 0.35))  # tail
    yield DETAIL, (u > 0.75) & (abs(v - 0.17) < 0.4 * (1.12 - u))  # beak
    yield WINGS, beating & (abs(u - 0.12 - 0.35 * up + 0.8 * up**2) < 0.3 * wing)
