"""Pictures: images, kernels, signed maps and curves. Each drawing function returns the Axes it drew on.

Each of these functions raises ValueError for what it cannot draw; the message names the value and says what is needed.
"""

from __future__ import annotations

import base64
import html
import io
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from .shapes import is_number, short, true_or_false, whole_number

plt.ioff()

SIGNED = "RdBu_r"  # zero is white, negative blue, positive red; safe for colour-blind eyes
DPI = 110


def axes(count: int = 1, *, size: float = 2.4, wide: float = 1.0) -> list[Axes]:
    """Return `count` Axes in one row.

    Args:
        count: how many, 1 to 12.
        size: height of the row, inches, at most 10.
        wide: width of one Axes as a multiple of its height, at most 4.
    """
    count = whole_number("count", count, 1, 12)
    for name, value, most in (("size", size, 10), ("wide", wide, 4)):
        if not (is_number(value) and 0.1 <= value <= most):
            raise ValueError(f"{name} is {short(value)}; it must be a number from 0.1 to {most}.")
    figure, grid = plt.subplots(1, count, figsize=(size * wide * count, size), layout="constrained", squeeze=False)
    plt.close(figure)  # what is not shown by show() is never shown twice
    return list(grid[0])


def to_png(figure: Figure) -> bytes:
    """Return the figure as a PNG file's bytes, 256 colours, without any date."""
    if not isinstance(figure, Figure):
        raise ValueError(f"figure is {short(figure)}; it must be a figure of matplotlib, such as ax.figure.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    image = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small = io.BytesIO()
    image.save(small, format="png", optimize=True)
    return small.getvalue()


def show(drawn: Figure | Axes | Sequence[Axes], alt: str) -> None:
    """Display a figure with its alt text.

    Args:
        drawn: the figure, one of its Axes, or the list that `axes` gave.
        alt: one or two sentences on what there is to see.
    """
    if not isinstance(alt, str) or len(alt.strip()) < 10:
        raise ValueError(f"alt is {short(alt)}; it must say in a sentence what there is to see in the figure.")
    first = drawn[0] if isinstance(drawn, Sequence) and drawn else drawn
    figure = first.figure if isinstance(first, Axes) else first
    if not isinstance(figure, Figure):
        raise ValueError(f"drawn is {short(drawn)}; it must be a figure, an Axes, or the list that axes() gave.")
    data = base64.b64encode(to_png(figure)).decode("ascii")
    plt.close(figure)
    display(
        {
            "text/html": f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" style="max-width: 100%">',
            "image/png": data,
            "text/plain": alt,
        },
        raw=True,
    )


def image(x: torch.Tensor | np.ndarray, ax: Axes | None = None, *, title: str = "", values: bool = False) -> Axes:
    """Draw an image as it is: black is 0, white is 1.

    Args:
        x: (H, W), (1, H, W) or (3, H, W), float in [0, 1]; what lies outside is clipped.
        values: write each pixel's value into it.
    """
    pixels = _pixels(x)
    ax = _axes_or_new(ax)
    ax.imshow(np.clip(pixels, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    return _finish(ax, pixels, title, values)


def signed(
    x: torch.Tensor | np.ndarray,
    ax: Axes | None = None,
    *,
    title: str = "",
    values: bool = False,
    limit: float | None = None,
) -> Axes:
    """Draw numbers of either sign: zero is white, negative blue, positive red.

    Args:
        x: (H, W) or (1, H, W), float.
        values: write each number, with its sign, into its cell.
        limit: the magnitude that gets the full colour, > 0; the largest of x when not given.
    """
    pixels = _pixels(x)
    if pixels.ndim != 2:
        raise ValueError(f"x is {short(x)}; a signed map needs one channel: (H, W) or (1, H, W).")
    if limit is None:
        limit = float(np.abs(pixels).max()) or 1.0
    elif not (is_number(limit) and 0 < limit < np.inf):
        raise ValueError(f"limit is {short(limit)}; it must be a finite number above 0, or be left out.")
    ax = _axes_or_new(ax)
    ax.imshow(pixels, cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")
    return _finish(ax, pixels, title, values)


def kernel(weight: torch.Tensor | np.ndarray, ax: Axes | None = None, *, title: str = "") -> Axes:
    """Draw a kernel (k_h, k_w) as a signed grid with its numbers."""
    return signed(weight, ax, title=title, values=True)


def curves(lines: dict[str, Sequence[float]], ax: Axes | None = None, *, x: str, y: str, title: str = "") -> Axes:
    """Draw named curves over 1, 2, 3, …; each is told by its marker and its name, not by colour alone.

    Args:
        lines: name → the values of one curve.
        x: what the horizontal axis counts.
        y: what the vertical axis measures.
    """
    if not isinstance(lines, Mapping) or not lines:
        raise ValueError(f'lines is {short(lines)}; it must hold named curves, for example {{"loss": [2.3, 1.7]}}.')
    for name, ys in lines.items():
        if (numbers := _numbers(ys)) is None or numbers.ndim != 1 or not numbers.size:
            raise ValueError(f"the curve {short(name)} is {short(ys)}; it must be a list of at least one number.")
    ax = _axes_or_new(ax, wide=1.6)
    for (name, ys), marker in zip(lines.items(), "os^Dvx*Ph<>" * len(lines), strict=False):
        ax.plot(range(1, len(ys) + 1), _numbers(ys), marker=marker, markersize=4, label=name)
    ax.set(xlabel=x, ylabel=y, title=title)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def mark(ax: Axes, row: int, column: int, height: int, width: int, *, dashed: bool = False) -> Axes:
    """Draw a frame around a patch of pixels; `row` and `column` are its upper left corner."""
    _check_axes(ax)
    row, column = whole_number("row", row), whole_number("column", column)
    height, width = whole_number("height", height, 1), whole_number("width", width, 1)
    look = {"edgecolor": "#d95f02", "linewidth": 2.5, "linestyle": "--" if true_or_false("dashed", dashed) else "-"}
    ax.add_patch(plt.Rectangle((column - 0.5, row - 0.5), width, height, fill=False, **look))
    return ax


def hatch(ax: Axes, where: torch.Tensor | np.ndarray) -> Axes:
    """Hatch pixels.

    Args:
        where: (H, W), bool or 0 and 1; each pixel that is not 0 is hatched.
    """
    _check_axes(ax)
    pixels = _pixels(where, "where")
    if pixels.ndim != 2:
        raise ValueError(f"where is {short(where)}; it must have one number for each pixel: (H, W).")
    for row, column in np.argwhere(pixels):
        corner = (column - 0.5, row - 0.5)
        ax.add_patch(plt.Rectangle(corner, 1, 1, fill=False, edgecolor="#08519c", hatch="/////", linewidth=0))
    return ax


def _axes_or_new(ax: Axes | None, wide: float = 1.0) -> Axes:
    if ax is None:
        return axes(1, wide=wide)[0]
    _check_axes(ax)
    return ax


def _check_axes(ax: object) -> None:
    if not isinstance(ax, Axes):
        raise ValueError(f"ax is {short(ax)}; it must be one Axes, for example axes(1)[0].")


def _numbers(x: object) -> np.ndarray | None:
    """Return x as an array of real numbers, or None where it is none."""
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu()
        x = x.double() if x.is_floating_point() else x  # numpy has no bfloat16
    try:
        numbers = np.asarray(x)
    except (TypeError, ValueError):  # lists of different lengths, for example
        return None
    return numbers.astype(np.float64) if numbers.dtype.kind in "buif" else None


def _pixels(x: torch.Tensor | np.ndarray, name: str = "x") -> np.ndarray:
    """Return (H, W) or (H, W, 3) numbers; errors call them `name`."""
    pixels = _numbers(x)
    if pixels is None:
        raise ValueError(f"{name} is {short(x)}; an image must hold real numbers, the same count in each row.")
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3):
        pixels = pixels[0] if pixels.shape[0] == 1 else np.moveaxis(pixels, 0, 2)
    elif pixels.ndim != 2:
        raise ValueError(f"{name} is {short(x)}; an image is (H, W), (1, H, W) or (3, H, W).")
    if pixels.size == 0:
        raise ValueError(f"{name} is {short(x)}; an image needs at least one pixel.")
    if not np.isfinite(pixels).all():
        raise ValueError(f"{name} holds nan or an infinite number; an image needs finite numbers.")
    return pixels


def _finish(ax: Axes, pixels: np.ndarray, title: str, values: bool) -> Axes:
    ax.set_xticks([])
    ax.set_yticks([])
    if title:
        ax.set_title(title, fontsize=12)
    if true_or_false("values", values):
        if pixels.ndim == 3:
            raise ValueError("values can be written into one channel only; this image has three.")
        texts = [f"{value + 0.0:.3g}".replace("-", "−") for value in pixels.flat]
        fontsize = min(11, 235 / (pixels.shape[1] * max(map(len, texts))))  # long numbers get smaller, to stay apart
        red, green, blue, _ = np.moveaxis(ax.images[-1].to_rgba(pixels), -1, 0)
        light = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
        for (row, column), text in zip(np.ndindex(pixels.shape), texts, strict=True):
            colour = "white" if light[row, column] < 0.179 else "black"  # whichever has the higher contrast
            ax.text(column, row, text, ha="center", va="center", fontsize=fontsize, color=colour)
    return ax


def card(title: str, lines: Sequence[str], *, width: int = 72) -> Axes:
    """Draw text on an empty ground: a title in bold and lines below it, wrapped to `width` characters.

    Args:
        title: the first line.
        lines: what stands below it, a paragraph each.
        width: characters in a line, 20 to 200.
    """
    if not isinstance(title, str) or not title.strip():
        raise ValueError(f"title is {short(title)}; a card needs a title.")
    if not isinstance(lines, list | tuple) or not all(isinstance(line, str) for line in lines):
        raise ValueError(f"lines is {short(lines)}; it must be a list of lines of text.")
    width = whole_number("width", width, 20, 200)
    wrapped = [(part, "bold") for part in textwrap.wrap(title, width - 8)]
    for line in lines:
        parts = textwrap.wrap(line, width, subsequent_indent="    ") or [""]
        wrapped += [(part, "normal") for part in parts]
    figure, ax = plt.subplots(figsize=(0.08 * width + 0.5, 0.24 * len(wrapped) + 0.4))
    plt.close(figure)
    ax.set_position((0, 0, 1, 1))
    ax.set(xlim=(0, 1), ylim=(len(wrapped) + 0.7, -0.3))
    ax.axis("off")
    for row, (text, weight) in enumerate(wrapped):
        ax.text(0.03, row + 0.5, text, fontsize=10, weight=weight, va="center", parse_math=False)
    return ax
