"""The colours that carry meaning: told apart with each kind of colour vision, and text that can be read on them."""

import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

import helpers.widgets
from helpers import plots

# Machado, Oliveira & Fernandes 2009, doi:10.1109/TVCG.2009.113: what is left of linear RGB at the full severity.
VISION = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "none at all": [[0.2126, 0.7152, 0.0722]] * 3,
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(1)


def linear(rgb):
    """sRGB in [0, 1] as light."""
    rgb = np.asarray(rgb, dtype=float)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb, vision):
    """(…, 3) sRGB as CIELAB, as it is seen: a distance of 2.3 is just noticed."""
    seen = np.clip(linear(rgb) @ np.asarray(VISION[vision]).T, 0, 1)
    x, y, z = np.moveaxis(np.cbrt(seen @ TO_XYZ.T / WHITE), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def contrast(one, other):
    """WCAG's ratio of two sRGB colours."""
    high, low = sorted((linear(colour) @ TO_XYZ[1] + 0.05 for colour in (one, other)), reverse=True)
    return high / low


def stops_of_the_widgets():
    script = (Path(helpers.widgets.__file__).parent / "shared.js").read_text(encoding="utf-8")
    rows = re.search(r"SIGNED_STOPS = \[(.*?)\];", script, re.S).group(1)
    return np.array([[int(n) for n in row.split(",")] for row in re.findall(r"\[(\d+, \d+, \d+)\]", rows)]) / 255


def signed_map(x):
    """The colours of figures for x in [−1, 1]."""
    return matplotlib.colormaps[plots.SIGNED]((np.asarray(x) + 1) / 2)[..., :3]


def test_figures_and_widgets_have_the_same_signed_map():
    stops = stops_of_the_widgets()
    assert stops.shape == (11, 3)
    np.testing.assert_allclose(signed_map(np.linspace(-1, 1, 11)), stops, atol=0.02)


@pytest.mark.parametrize("vision", [name for name in VISION if name != "none at all"])
def test_the_sign_shows_at_each_magnitude(vision):
    size = np.linspace(0.2, 1, 9)
    apart = np.linalg.norm(lab(signed_map(size), vision) - lab(signed_map(-size), vision), axis=-1)
    assert apart.min() > 10, dict(zip(size.round(1), apart.round(1), strict=True))


@pytest.mark.parametrize("vision", VISION)
def test_larger_is_darker_on_both_sides_of_zero(vision):
    """Without any colour vision the magnitude is still seen; the sign is then written where numbers are shown."""
    for sign in (1, -1):
        lightness = lab(signed_map(sign * np.linspace(0, 1, 21)), vision)[:, 0]
        assert np.diff(lightness).max() < -0.5


@pytest.mark.parametrize("draw", [plots.signed, plots.image])
def test_numbers_can_be_read_on_every_ground(draw):
    x = torch.linspace(-1 if draw is plots.signed else 0, 1, 63).view(7, 9)
    grounds = signed_map(x) if draw is plots.signed else x[..., None].expand(-1, -1, 3).numpy()
    for ground, text in zip(grounds.reshape(-1, 3), draw(x, values=True).texts, strict=True):
        assert contrast(matplotlib.colors.to_rgb(text.get_color()), ground) >= 4.5, (text.get_text(), ground)


@pytest.mark.parametrize("vision", VISION)
def test_the_racers_are_told_from_the_page(vision):
    """Lines and marks of the race on white; which is which is also written, and each has its own mark."""
    script = (Path(helpers.widgets.__file__).parent / "optimizer_race.js").read_text(encoding="utf-8")
    colours = re.findall(r'"(#[0-9a-f]{6})"', script)[:12]
    assert len(set(colours)) == 12
    for colour in colours:
        assert contrast(matplotlib.colors.to_rgb(colour), (1, 1, 1)) >= 4.5
        assert np.linalg.norm(lab(matplotlib.colors.to_rgb(colour), vision) - lab((1, 1, 1), vision)) > 40
