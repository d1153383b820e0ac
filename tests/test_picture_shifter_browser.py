"""The picture shifter in a real Chromium: torch's numbers at every shift, by mouse and by keyboard."""

import pytest
import torch
from test_picture_shifter import made
from widget_page import draw, get, painted, receive

pytestmark = pytest.mark.browser


def shown(page) -> dict:
    painted(page)
    return page.locator(".cw").evaluate("(root) => root.shown")


def same(page, shifter) -> None:
    for name, part in shown(page).items():
        assert torch.allclose(torch.tensor(part["values"]), shifter.probabilities[name], atol=1e-6)
        assert part["right"] == shifter.right[name]


def test_the_numbers_and_the_picture_are_torchs(page) -> None:
    shifter = made()
    draw(page, shifter)
    for shift, picture in (((0, 0), 0), ((8, -8), 3), ((-8, 8), 1), ((1, 0), 2), ((0, 1), 2), ((-3, -7), 0)):
        shifter.shift, shifter.picture = shift, picture
        receive(page, picture=picture)
        receive(page, shift=list(shift))
        same(page, shifter)
        data = page.locator(".ps-picture").evaluate(
            "(c) => [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        )
        assert data[:2] == [12, 15]
        colours = torch.tensor(data[2:]).view(12, 15, 4)[..., :3].permute(2, 0, 1)
        assert torch.equal(colours, (shifter.image * 255).round().long())


def test_by_keyboard_alone(page) -> None:
    shifter = made()
    draw(page, shifter)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the second picture
    assert get(page, "picture") == 1
    page.locator(".ps-picture").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    assert get(page, "shift") == [2, -1]
    shifter.shift, shifter.picture = (2, -1), 1
    same(page, shifter)
    for _ in range(12):
        page.keyboard.press("ArrowUp")
    assert get(page, "shift") == [-8, -1]
    painted(page)
    assert "moved: 8 up, 1 left" in page.locator(".ps-picture").get_attribute("aria-label")
    assert page.locator("[role=status]").last.inner_text().startswith("Moved: 8 up, 1 left. dense says ")
    page.keyboard.press("Escape")
    assert get(page, "shift") == [0, 0]
    painted(page)
    assert page.get_by_role("button", name="Put it back").is_disabled()
    page.wait_for_timeout(200)
    assert page.evaluate("models.host.saved").pop() == {"shift": [0, 0]}


def test_the_picture_follows_the_mouse(page) -> None:
    draw(page, made())
    box = page.locator(".ps-picture").bounding_box()
    pixel = box["width"] / 15
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 3 * pixel, y - 2 * pixel, steps=4)
    assert get(page, "shift") == [-2, 3]
    page.mouse.move(x + 90 * pixel, y)
    assert get(page, "shift") == [0, 8]
    page.mouse.up()
    page.mouse.move(x, y)
    assert get(page, "shift") == [0, 8]


def test_a_press_on_a_map_goes_there(page) -> None:
    draw(page, made())
    box = page.locator(".ps-map").nth(1).bounding_box()
    cell = box["width"] / 17
    page.mouse.click(box["x"] + 0.5 * cell, box["y"] + 16.5 * cell)
    assert get(page, "shift") == [8, -8]


def test_right_and_wrong_are_said_in_words_and_marked(page) -> None:
    shifter = made()
    draw(page, shifter)
    for picture in range(4):
        receive(page, picture=picture)
        shifter.picture = picture
        for panel, (name, values) in zip(page.locator(".ps-panel").all(), shifter.probabilities.items(), strict=True):
            best = int(values.argmax())
            right = best == shifter.labels[picture]
            told = f"✓ says {shifter.classes[best]}, right" if right else f"✗ says {shifter.classes[best]}, wrong"
            assert panel.locator(".ps-verdict").inner_text() == told
            assert panel.locator(".ps-told").inner_text() == f"Right at {shifter.right[name]} of 289 shifts"
    pressed = [button.get_attribute("aria-pressed") for button in page.locator(".ps-strip button").all()]
    assert pressed == ["false", "false", "false", "true"]
