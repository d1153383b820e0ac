"""The pictures: what is drawn, that it can be read, and one sentence for bad input."""

import io
import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from PIL import Image

from helpers import plots
from helpers.kernels import kernel

MAP = torch.tensor([[-1.0, 0.0], [0.5, 2.0]])
LISTS = [[-1, 0], [0.5, 2]]


@pytest.mark.parametrize("x", [MAP, MAP[None], MAP.bfloat16(), MAP.requires_grad_(), MAP.detach().numpy(), LISTS])
def test_numbers_of_every_kind_are_drawn(x: object) -> None:
    ax = plots.signed(x, values=True, title="map")
    assert ax.images[0].get_array().tolist() == LISTS
    assert ax.images[0].get_clim() == (-2, 2)
    assert [text.get_text() for text in ax.texts] == ["−1", "0", "0.5", "2"]


def test_limit_is_the_magnitude_of_the_full_colour() -> None:
    assert plots.signed(MAP, limit=np.float32(4)).images[0].get_clim() == (-4, 4)
    assert plots.signed(torch.zeros(2, 2)).images[0].get_clim() == (-1, 1)


def test_minus_zero_is_written_zero() -> None:
    assert [text.get_text() for text in plots.kernel([[-0.0, -1.0]]).texts] == ["0", "−1"]


def test_text_can_be_read_and_numbers_stay_apart() -> None:
    ax = plots.axes(4)
    for axis, weight in zip(ax, (MAP, kernel("sobel x"), kernel("gaussian"), kernel("gaussian 5x5")), strict=True):
        plots.kernel(weight, axis, title="the kernel's name")
    figure = ax[0].figure
    figure.draw_without_rendering()
    for axis in ax[:3]:
        assert {text.get_fontsize() for text in axis.texts} == {11}
    for axis in ax:
        assert axis.title.get_fontsize() == 12
        boxes = [text.get_window_extent() for text in axis.texts]
        assert not any(left.overlaps(right) for left, right in itertools.pairwise(boxes))
    titles = [axis.title.get_window_extent() for axis in ax]
    assert not any(left.overlaps(right) for left, right in itertools.pairwise(titles))


def test_curves_marks_and_cards_are_drawn() -> None:
    ax = plots.curves({"loss": torch.tensor([2.0, 1.0]), "accuracy": [0.5]}, x="epoch", y="value")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[2, 1], [0.5]]
    assert ax.lines[0].get_marker() != ax.lines[1].get_marker()
    assert all(tick == round(tick) for tick in ax.get_xticks())
    frame = plots.mark(plots.image(MAP), np.int64(-1), 0, 1, 2).patches[0]
    assert frame.get_bbox().bounds == (-0.5, -1.5, 2, 1)
    assert [text.get_text() for text in plots.card("Title", ("one", "two")).texts] == ["Title", "one", "two"]


def test_a_frame_may_be_dashed() -> None:
    ax = plots.image(MAP)
    plots.mark(ax, 0, 0, 1, 1)
    plots.mark(ax, 0, 0, 1, 1, dashed=True)
    assert [frame.get_linestyle() for frame in ax.patches] == ["-", "--"]


@pytest.mark.parametrize("kind", [torch.bool, torch.int64, torch.float32])
def test_just_the_pixels_that_are_not_zero_are_hatched(kind: torch.dtype) -> None:
    where = torch.tensor([[0, 1, 0], [0, 0, 1]]).to(kind)
    ax = plots.hatch(plots.image(torch.ones(2, 3)), where)
    assert [patch.get_bbox().bounds for patch in ax.patches] == [(0.5, -0.5, 1, 1), (1.5, 0.5, 1, 1)]
    assert all(patch.get_hatch() and not patch.get_fill() for patch in ax.patches)  # the picture shows through
    plain, hatched = (plots.to_png(one.figure) for one in (plots.image(torch.ones(2, 3)), ax))
    assert len(hatched) > len(plain) + 200  # its lines are seen
    assert not plots.hatch(plots.image(MAP), torch.zeros(2, 2)).patches


def test_show_publishes_the_picture_and_its_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(plots, "display", lambda data, raw: shown.append(data))
    for drawn in (plots.axes(2), plots.image(MAP), plots.image(MAP).figure):
        plots.show(drawn, 'Four pixels, "grey".')
    assert len(shown) == 3
    for data in shown:
        assert data["text/plain"] == 'Four pixels, "grey".'
        assert 'alt="Four pixels, &quot;grey&quot;."' in data["text/html"]
    assert Image.open(io.BytesIO(plots.to_png(plots.axes(1)[0].figure))).size == (264, 264)


NAN = float("nan")
REFUSED = [
    (lambda ax: plots.signed(MAP, limit=0), "limit is 0; it must be a finite number above 0, or be left out."),
    (lambda ax: plots.signed(MAP, limit=NAN), "limit is nan; it must be a finite number above 0"),
    (lambda ax: plots.signed(MAP, limit=-1), "limit is -1; it must be a finite number above 0"),
    (lambda ax: plots.signed(MAP, limit=torch.ones(2)), "limit is a Tensor of shape (2,); it must be a finite"),
    (lambda ax: plots.signed(torch.ones(3, 2, 2)), "x is a Tensor of shape (3, 2, 2); a signed map needs one channel"),
    (lambda ax: plots.image([["a"]]), "x is [['a']]; an image must hold real numbers"),
    (lambda ax: plots.image([[1], [1, 2]]), "x is [[1], [1, 2]]; an image must hold real numbers"),
    (lambda ax: plots.image(None), "x is None; an image must hold real numbers"),
    (lambda ax: plots.image(torch.ones(2, 2, dtype=torch.complex64)), "an image must hold real numbers"),
    (lambda ax: plots.image(torch.ones(2, 2, 2)), "x is a Tensor of shape (2, 2, 2); an image is (H, W), (1, H, W) or"),
    (lambda ax: plots.image(torch.ones(0, 2)), "x is a Tensor of shape (0, 2); an image needs at least one pixel."),
    (lambda ax: plots.image(MAP / 0), "x holds nan or an infinite number"),
    (lambda ax: plots.image(torch.ones(3, 2, 2), values=True), "values can be written into one channel only"),
    (lambda ax: plots.image(MAP, values=MAP), "values must be True or False, got a Tensor of shape (2, 2)"),
    (lambda ax: plots.image(MAP, [ax]), "ax is [<Axes: >]; it must be one Axes"),
    (lambda ax: plots.curves({"a": [1]}, "ax", x="", y=""), "ax is 'ax'; it must be one Axes"),
    (lambda ax: plots.curves([1, 2], x="", y=""), "lines is [1, 2]; it must hold named curves"),
    (lambda ax: plots.curves({}, x="", y=""), "lines is {}; it must hold named curves"),
    (lambda ax: plots.curves({"a": 5}, x="", y=""), "the curve 'a' is 5; it must be a list of at least one number."),
    (lambda ax: plots.curves({"a": []}, x="", y=""), "the curve 'a' is []; it must be a list of at least one number."),
    (lambda ax: plots.curves({"a": "12"}, x="", y=""), "the curve 'a' is '12'; it must be a list"),
    (lambda ax: plots.mark(None, 0, 0, 1, 1), "ax is None; it must be one Axes"),
    (lambda ax: plots.mark(ax, "x", 0, 1, 1), "row must be a whole number, got 'x' of type str"),
    (lambda ax: plots.mark(ax, 0, NAN, 1, 1), "column must be a whole number, got nan of type float"),
    (lambda ax: plots.mark(ax, 0, 0, 0, 1), "height must be at least 1, got 0"),
    (lambda ax: plots.mark(ax, 0, 0, 1, 1, dashed=1), "dashed must be True or False, got 1"),
    (lambda ax: plots.hatch(None, MAP), "ax is None; it must be one Axes"),
    (lambda ax: plots.hatch(ax, "all"), "where is 'all'; an image must hold real numbers"),
    (lambda ax: plots.hatch(ax, torch.ones(3, 2, 2)), "where is a Tensor of shape (3, 2, 2); it must have one number"),
    (lambda ax: plots.hatch(ax, [NAN]), "where is [nan]; an image is (H, W)"),
    (lambda ax: plots.hatch(ax, [[NAN]]), "where holds nan or an infinite number"),
    (lambda ax: plots.axes(True), "count must be a whole number, got True of type bool"),
    (lambda ax: plots.axes(10**6), "count must be at most 12, got 1000000"),
    (lambda ax: plots.axes(0), "count must be at least 1, got 0"),
    (lambda ax: plots.axes(1, size="x"), "size is 'x'; it must be a number from 0.1 to 10."),
    (lambda ax: plots.axes(1, size=NAN), "size is nan; it must be a number from 0.1 to 10."),
    (lambda ax: plots.axes(1, wide=5), "wide is 5; it must be a number from 0.1 to 4."),
    (lambda ax: plots.card("t", None), "lines is None; it must be a list of lines of text."),
    (lambda ax: plots.card("t", "line"), "lines is 'line'; it must be a list of lines of text."),
    (lambda ax: plots.card(None, []), "title is None; a card needs a title."),
    (lambda ax: plots.card("t", [], width=10**6), "width must be at most 200, got 1000000"),
    (lambda ax: plots.to_png(None), "figure is None; it must be a figure of matplotlib"),
    (lambda ax: plots.to_png(ax), "figure is <Axes: >; it must be a figure of matplotlib"),
    (lambda ax: plots.show([], "A long sentence."), "drawn is []; it must be a figure, an Axes, or the list"),
    (lambda ax: plots.show(None, "A long sentence."), "drawn is None; it must be a figure, an Axes, or the list"),
    (lambda ax: plots.show(ax, "short"), "alt is 'short'; it must say in a sentence"),
    (lambda ax: kernel(MAP), "there is no kernel a Tensor of shape (2, 2): take one of identity, "),
    (lambda ax: plots.show(ax, MAP), "alt is a Tensor of shape (2, 2); it must say in a sentence"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_bad_input_gets_one_sentence(call: Callable[[Axes], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        call(plots.axes(1)[0])
    assert "\n" not in str(caught.value)
