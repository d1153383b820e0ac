"""What holds for every widget, in a real Chromium without a Jupyter kernel; and the widgets of notebooks 00 and 04."""

import json
import random

import pytest
import torch
from makers import MAKERS, of_number, of_text
from widget_page import answer, draw, get, receive, requests

from helpers.widgets import (
    DataPanel,
    EquivarianceMeter,
    Prediction,
    SeriesMap,
    SetupCheck,
)
from helpers.widgets.equivariance import OPERATIONS

pytestmark = pytest.mark.browser


def test_the_answer_is_nowhere_on_the_page_before_the_commit(page) -> None:
    draw(page, of_text())
    html = page.locator(".cw").evaluate("(node) => node.outerHTML")
    assert "SECRET" not in html
    assert page.locator("code").all_inner_texts() == ["conv(x)", "30 × 30"]
    assert page.locator("b").count() == 0, "text is never markup"
    assert page.get_by_text("16*3*3").count() == 1
    button = page.get_by_role("button", name="Commit my guess")
    assert button.is_disabled()
    page.get_by_role("radio").nth(1).check()
    assert button.is_enabled()
    assert "SECRET" not in page.locator(".cw").evaluate("(node) => node.outerHTML")
    assert get(page, "guess") == 1
    assert get(page, "committed") is False


def test_a_prediction_by_keyboard_alone(page) -> None:
    draw(page, of_text())
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert get(page, "committed") is True
    assert page.evaluate("models.host.saved.at(-1)") == {"committed": True}
    cards = page.locator(".cw-reason").all_inner_texts()
    assert [card.split("\n")[0] for card in cards] == ["✗ Your guess", "✓ The answer", "Another wrong guess"]
    assert "SECRET A count." in cards[0]
    assert "SECRET Only with padding." in cards[2]
    assert page.get_by_text("SECRET No padding.").count() == 1
    assert page.evaluate("document.activeElement.textContent") == "Not right this time."
    assert page.get_by_role("radio").count() == 0, "a committed guess cannot be changed"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "Your first guess was: 16*3*3" in page.locator(".cw").inner_text()
    assert (get(page, "first"), get(page, "guess"), get(page, "committed")) == (2, None, False)
    assert page.evaluate("document.activeElement.type") == "radio"
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    assert page.locator(".cw-prediction-verdict").inner_text() == "Right."
    page.get_by_role("button", name="Try again").click()
    assert "Your first guess was: 16*3*3" in page.locator(".cw").inner_text(), "it stays the first one"


@pytest.mark.parametrize("text", ["about 400", "1/0", "nan", "1e999", "--4", "1,234", "3,14,15"])
def test_nonsense_is_refused_at_the_field(page, text: str) -> None:
    draw(page, of_number())
    page.get_by_role("textbox").fill(text)
    page.keyboard.press("Enter")
    assert text in page.locator(".cw-error").inner_text()
    assert page.get_by_role("textbox").get_attribute("aria-invalid") == "true"
    assert page.get_by_role("textbox").input_value() == text
    assert get(page, "committed") is False
    page.get_by_role("textbox").fill("432")
    assert page.locator(".cw-error").inner_text() == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("448", 448),
        ("−3", -3),
        ("0,5", 0.5),
        ("1/4", 0.25),
        ("3,737,474", 3737474),
        ("3 737 474", 3737474),
        ("4e2", 400),
    ],
)
def test_numbers_as_people_write_them(page, text: str, value: float) -> None:
    draw(page, of_number())
    page.get_by_role("textbox").fill(text)
    page.keyboard.press("Enter")
    assert get(page, "guess") == value
    prediction = of_number()
    prediction.guess = value
    prediction.commit()
    shown = page.locator(".cw-reason").first.inner_text()
    assert ("✓" in shown) is prediction.correct
    assert prediction.correct or prediction.reason in shown


def test_a_prediction_follows_python(page) -> None:
    draw(page, of_number())
    receive(page, guess=432)
    assert page.get_by_role("textbox").input_value() == "432"
    receive(page, committed=True)
    shown = page.locator(".cw-reason").first.locator("p").all_inner_texts()
    assert shown == ["✗ Your guess", "432 parameters", "The bias is missing."]
    receive(page, committed=False)
    assert page.get_by_role("textbox").count() == 1


@pytest.mark.parametrize("side", [(32, 32), (20, 36)])
def test_the_meter_in_the_browser_equals_torch(page, side: tuple[int, int]) -> None:
    chance = random.Random(side[1])
    meter = EquivarianceMeter(image=torch.rand(side, generator=torch.Generator().manual_seed(4)))
    draw(page, meter)
    for _ in range(25):
        meter.operation = chance.choice(list(OPERATIONS))
        meter.shift = (chance.randint(-8, 8), chance.randint(-8, 8))
        receive(page, operation=meter.operation, shift=list(meter.shift))
        found = page.evaluate(
            """() => {
              const { difference, height, width, largest, inside } = document.querySelector(".cw").measured;
              return { difference, height, width, largest, inside };
            }"""
        )
        setting = (meter.operation, meter.shift)
        expected = meter.difference
        assert (found["height"], found["width"]) == tuple(expected.shape), setting
        assert torch.equal(torch.tensor(found["difference"]).reshape(expected.shape), expected), setting
        assert (found["largest"], found["inside"]) == (meter.largest, meter.largest_inside), setting
        reading = page.locator(".cw-reading")
        assert reading.get_attribute("data-case") == meter.case, setting
        words = [word for word in meter.reading.split() if not word[0].isdigit()]
        assert [word for word in reading.inner_text().split() if not word[0].isdigit()] == words, setting


def test_the_picture_is_shifted_by_keys_sliders_and_dragging(page) -> None:
    draw(page, EquivarianceMeter(shift=(0, 0)))
    picture = page.get_by_role("application")
    picture.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    assert get(page, "shift") == [-1, 2]
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    assert get(page, "shift") == [-1, -8], "it stops at the end"
    page.keyboard.press("Escape")
    assert get(page, "shift") == [0, 0]
    page.wait_for_function("[...document.querySelectorAll('[type=range]')].every(({ value }) => value === '0')")
    page.get_by_label("Shift down").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("models.host.get('shift').join() === '1,0'")
    box = picture.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 20 + box["width"] * 3 / 32, box["y"] + 20 - box["height"] * 2 / 32, steps=4)
    page.mouse.up()
    page.mouse.move(box["x"], box["y"])
    assert get(page, "shift") == [-1, 3]
    page.get_by_role("combobox").select_option("max pooling 2")
    assert get(page, "operation") == "max pooling 2"
    page.wait_for_function("models.host.saved.length > 0 && models.host.saved.at(-1).operation")


def test_two_meters_on_one_page_do_not_disturb_each_other(page) -> None:
    draw(page, EquivarianceMeter(shift=(0, 0)), "one")
    draw(page, EquivarianceMeter(shift=(2, 2)), "two")
    page.locator("#one").get_by_role("application").focus()
    page.keyboard.press("ArrowRight")
    assert (get(page, "shift", "one"), get(page, "shift", "two")) == ([0, 1], [2, 2])


def test_the_set_up_check_says_whether_python_answers(page) -> None:
    draw(page, SetupCheck())
    assert requests(page) == [{"do": "check"}]
    assert "Checking" in page.locator(".cw-setup-verdict").inner_text()
    answer(page, "check")
    assert "Widgets draw here, and Python answers" in page.locator(".cw-check").last.inner_text()
    assert 0 <= get(page, "answer_ms") < 60000
    row = {"name": "torch", "status": "missing", "text": "Version 1.0 is too old."}
    receive(page, lines=[row])
    assert "! to do\ntorch\nVersion 1.0 is too old." in page.locator(".cw-check").first.inner_text()
    assert page.locator(".cw-setup-verdict").inner_text().startswith("Not ready yet.")


def test_the_set_up_check_says_what_to_do_when_python_is_busy_and_takes_a_late_answer(page) -> None:
    """After Run All the question waits behind every other cell: that is no fault of the set-up."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    draw(page, SetupCheck())
    page.clock.run_for(4100)
    line = page.locator(".cw-check").last
    assert "Python is busy with another cell, or does not answer: wait." in line.inner_text()
    assert page.locator(".cw-setup-verdict").inner_text() == "Checking …"
    page.clock.run_for(60_000)
    answer(page, "check")
    assert "Python answers slowly, after 64.1 seconds" in line.inner_text()
    page.get_by_role("button", name="Check again").click()
    answer(page, "check")
    assert "Python answers at once" in line.inner_text()


@pytest.fixture
def series(tmp_path, monkeypatch) -> SeriesMap:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "04_convolution_by_hand.ipynb").touch()
    return SeriesMap()


def test_the_map_shows_links_and_what_is_passed(page, series: SeriesMap) -> None:
    draw(page, series)
    rooms = page.locator(".cw-room").all_inner_texts()
    assert len(rooms) == 11
    assert page.get_by_role("link").all_inner_texts() == ["Convolution by hand"]
    assert page.get_by_role("link").get_attribute("href") == "04_convolution_by_hand.ipynb"
    assert f"0 of {series.rooms[10]['total']} passed" in rooms[10]
    changed = [dict(room) for room in series.rooms]
    changed[4]["passed"] = 1
    changed[10]["total"] = 0
    receive(page, rooms=changed)
    page.get_by_text("coming", exact=True).wait_for()
    assert "coming" in page.locator(".cw-room").nth(10).inner_text()
    words = f"1 of {changed[4]['total']} passed"
    assert words in page.locator(".cw-room").nth(4).inner_text()
    assert page.get_by_role("progressbar", name=f"Convolution by hand: {words}").count() == 1


def test_the_progress_goes_out_and_comes_in_as_a_file(page, series: SeriesMap, tmp_path) -> None:
    draw(page, series)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
        answer(page, "export", text='{"version": 1}')
    assert download.value.suggested_filename == "progress.json"
    assert download.value.path().read_text() == '{"version": 1}'
    mine = tmp_path / "mine.json"
    mine.write_text("not JSON")
    page.locator("input[type=file]").set_input_files(mine)
    page.wait_for_function("models.host.sent.at(-1).do === 'import'")
    assert requests(page)[-1] == {"do": "import", "name": "mine.json", "text": "not JSON"}
    receive(page, message="mine.json is no progress file.")
    assert page.locator(".cw-message").inner_text() == "mine.json is no progress file."


def test_the_same_file_again_is_answered_again(page, series: SeriesMap, tmp_path) -> None:
    """Python's sentence is then the same, so that only its answer tells."""
    mine = tmp_path / "mine.json"
    mine.write_text("not JSON")
    page.clock.install()
    draw(page, series)
    for said in ("mine.json is no progress file.", None):
        page.locator("input[type=file]").set_input_files(mine)
        page.wait_for_function("models.host.sent.at(-1).do === 'import'")
        page.clock.run_for(4100)
        assert page.locator(".cw-message").inner_text().startswith("Python is busy")
        if said:
            receive(page, message=said)
        answer(page, "import")
        assert page.locator(".cw-message").inner_text() == "mine.json is no progress file."
        page.evaluate("models.host.sent.length = 0")


def test_the_data_panel_shows_progress_and_one_button_at_a_time(page, tmp_path) -> None:
    panel = DataPanel(tmp_path)
    draw(page, panel)
    assert page.get_by_role("progressbar").count() == 0
    page.get_by_role("button", name="Fetch MNIST (12 MB)").click()
    assert requests(page) == [{"do": "fetch", "name": "mnist"}]
    sets = panel.status
    sets["mnist"] |= {"state": "running", "done": 4_300_000, "text": "Coming: 4 of 12 MB."}
    receive(page, sets=sets)
    bar = page.get_by_role("progressbar", name="MNIST")
    values = [bar.get_attribute(f"aria-value{name}") for name in ("min", "now", "max", "text")]
    assert values == ["0", "4", "12", "4 of 12 MB"]
    assert page.get_by_role("button", name="Fetch CIFAR-10").is_disabled()
    assert page.evaluate("document.activeElement.textContent") == "Cancel", "the focus stays on the button"
    page.keyboard.press("Enter")
    assert requests(page)[-1] == {"do": "cancel", "name": "mnist"}
    sets["mnist"]["state"] = "partial"
    receive(page, sets=sets)
    assert page.get_by_role("button", name="Continue at 4 of 12 MB").is_enabled()
    sets["mnist"]["state"] = "complete"
    receive(page, sets=sets)
    assert page.get_by_role("button", name="MNIST").count() == 0


def test_a_bad_folder_is_refused_at_its_field(page, tmp_path) -> None:
    draw(page, DataPanel(tmp_path))
    field = page.get_by_label("Folder for real data")
    field.fill("/no")
    page.keyboard.press("Enter")
    assert requests(page) == [{"do": "root", "value": "/no"}]
    answer(page, "root", error="/no is a file; name a folder.")
    assert page.locator(".cw-error").inner_text() == "/no is a file; name a folder."
    assert (field.input_value(), field.get_attribute("aria-invalid")) == ("/no", "true")
    field.press("Escape")
    assert (field.input_value(), field.get_attribute("aria-invalid")) == (str(tmp_path), "false")


def test_an_answer_goes_to_its_own_question(page, tmp_path) -> None:
    draw(page, DataPanel(tmp_path))
    field = page.get_by_label("Folder for real data")
    for folder in ("/one", "/other"):
        field.fill(folder)
        page.keyboard.press("Enter")
    first, second = page.evaluate("models.host.sent.map(({ id }) => id)")
    page.evaluate("(id) => models.host.emit('msg:custom', { id, done: 'root' })", first)
    assert page.locator(".cw-error").inner_text() == ""
    page.evaluate("(id) => models.host.emit('msg:custom', { id, done: 'root', error: 'a file' })", second)
    assert page.locator(".cw-error").inner_text() == "a file"


def test_a_panel_says_when_python_does_not_answer(page, tmp_path) -> None:
    page.clock.install()
    draw(page, DataPanel(tmp_path))
    page.get_by_role("button", name="Fetch MNIST").click()
    page.clock.run_for(4100)
    assert page.locator(".cw-message").inner_text().startswith("Python is busy with another cell, or does not answer")
    answer(page, "fetch")
    assert page.locator(".cw-message").inner_text() == ""


def test_a_number_is_asked_for_by_its_question(page) -> None:
    prediction = Prediction("How many has `conv`, *in all*?", number=448)
    draw(page, prediction)
    field = page.get_by_role("textbox", name="How many has conv, in all?", exact=True)
    assert field.get_attribute("aria-label") == "How many has conv, in all?"


def violations(page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [json.dumps(one["nodes"][0])[:400] for one in found if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", MAKERS)
def test_every_widget_fits_and_is_accessible(page, name: str, dark: bool) -> None:
    page.set_viewport_size({"width": 400, "height": 700})
    draw(page, MAKERS[name](), dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert violations(page) == []
    if name in ("prediction", "number"):
        receive(page, guess=2 if name == "prediction" else 160)
        receive(page, committed=True)
        assert violations(page) == []
    if name == "number":
        receive(page, committed=False)
        page.get_by_role("textbox").fill("x")
        page.keyboard.press("Enter")
        assert violations(page) == []


@pytest.mark.parametrize("name", MAKERS)
def test_another_widget_on_the_page_changes_nothing(page, name: str) -> None:
    """Each widget brings the shared style sheet; a copy that loads later must not win over a widget's own rules."""
    draw(page, MAKERS[name](), "one")
    before = page.locator("#one").bounding_box()
    draw(page, MAKERS["prediction" if name == "map" else "map"](), "two")
    assert page.locator("#one").bounding_box() == before


@pytest.mark.parametrize("name", MAKERS)
def test_no_key_leaves_a_widget(page, name: str) -> None:
    """JupyterLab would take it for a command, D D for one."""
    draw(page, MAKERS[name]())
    assert page.locator(".cw[data-lm-suppress-shortcuts=true]").count() == 1
    left = page.evaluate(
        """() => {
          const left = [];
          for (const type of ["keydown", "keypress", "keyup"]) {
            document.addEventListener(type, ({ target }) => left.push(`${type}: ${target.outerHTML.slice(0, 80)}`));
            for (const node of document.querySelectorAll(".cw *")) {
              node.dispatchEvent(new KeyboardEvent(type, { key: "d", bubbles: true }));
            }
          }
          return left;
        }"""
    )
    assert left == []


@pytest.mark.parametrize("name", MAKERS)
def test_an_arrow_with_alt_ctrl_or_cmd_is_left_to_the_browser(page, name: str) -> None:
    """Alt and ← goes back a page. Only the layer stack takes Alt and an arrow, to move a layer of its table."""
    draw(page, MAKERS[name]())
    swallowed = page.evaluate(
        """() => {
          const swallowed = [];
          for (const node of document.querySelectorAll(".cw *")) {
            for (const held of ["altKey", "ctrlKey", "metaKey"]) {
              if (held === "altKey" && node.closest(".ls-table")) continue;
              for (const key of ["ArrowLeft", "ArrowUp"]) {
                const event = new KeyboardEvent("keydown", { key, [held]: true, bubbles: true, cancelable: true });
                node.dispatchEvent(event);
                if (event.defaultPrevented) swallowed.push(`${held} ${key}: ${node.outerHTML.slice(0, 80)}`);
              }
            }
          }
          return swallowed;
        }"""
    )
    assert swallowed == []


@pytest.mark.parametrize("name", MAKERS)
def test_the_right_button_drags_nothing(page, name: str) -> None:
    draw(page, MAKERS[name]())
    page.evaluate("() => { window.changed = []; models.host.set = (name) => changed.push(name); }")
    surfaces = page.locator(".cw").locator(f"{OWN}, .ps-map")
    for surface in surfaces.all():
        if not surface.is_visible():
            continue
        surface.scroll_into_view_if_needed()
        box = surface.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down(button="right")
        page.mouse.move(x + 12, y + 12, steps=3)
        page.mouse.up(button="right")
        assert page.evaluate("changed") == [], surface.evaluate("(node) => node.outerHTML.slice(0, 80)")


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_said_already_is_not_said_again(page, name: str) -> None:
    """A screen reader reads a line out whenever it is written, also with the same words."""
    widget = MAKERS[name]()
    draw(page, widget)
    again = page.evaluate(
        """async (names) => {
          const quiet = () => new Promise((done) => setTimeout(done, 700));
          await quiet();
          const written = [];
          const watch = new MutationObserver((all) => written.push(...all.map(({ target }) => target.outerHTML)));
          for (const node of document.querySelectorAll(".cw :is([role=status], [role=alert])")) {
            watch.observe(node, { childList: true });
          }
          for (const name of names) models.host.emit(`change:${name}`, models.host, models.host.get(name));
          await quiet();
          return written;
        }""",
        widget.keys,
    )
    assert again == []


# What can be done with a pointer is done on one of these or on a part of one, or by keys elsewhere:
KEYED = "button, input, select, textarea, a[href], summary, label, [tabindex]"
KEYS_ELSEWHERE = {
    "shifter": ".ps-map",  # the arrow keys on the picture walk over the map
    "axes explorer": ".ax-map",  # those on the block choose the map's cell too
}
OWN = "[role=slider]:not(input), [role=application]"  # pictures with keys of their own
STOPS = f"button:enabled, input:enabled, select:enabled, a[href], summary, [tabindex='0'], {OWN}"

WATCH = """() => {
  window.pointed = new Set();
  const listen = Element.prototype.addEventListener;
  Element.prototype.addEventListener = function (event, ...rest) {
    if (["click", "pointerdown", "mousedown", "dblclick"].includes(event)) window.pointed.add(this);
    return listen.call(this, event, ...rest);
  };
}"""

# Names what Tab must reach: of radio buttons with one name, any.
NAME_STOPS = """(stops) => [...document.querySelectorAll(stops)]
  .filter((node) => node.checkVisibility() && (node.tabIndex >= 0 || node.role))
  .map((node, i) => (node.dataset.stop = node.type === "radio" ? node.name : `${i} ${node.outerHTML.slice(0, 160)}`))"""

# Where the focus is, and whether that shows; null outside the widget.
FOCUSED = """() => {
  const node = document.activeElement;
  if (!node.closest(".cw")) return null;
  const outlined = ({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  const style = getComputedStyle(node);
  return {
    stop: node.dataset.stop,
    shows: outlined(style) || style.boxShadow !== "none" || outlined(getComputedStyle(node.parentElement)),
  };
}"""


@pytest.mark.parametrize("name", MAKERS)
def test_every_control_is_reached_by_tab_and_left_again(page, name: str) -> None:
    page.evaluate(WATCH)
    draw(page, MAKERS[name]())
    stops = page.evaluate(NAME_STOPS, STOPS)
    assert stops
    reached = []
    for _ in range(200):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break
        assert focused["shows"], focused
        reached.append(focused["stop"])
    else:
        pytest.fail("Tab never leaves the widget")
    assert sorted(set(stops) - set(reached)) == []
    pointed = page.evaluate(
        """([keyed, elsewhere]) => [...pointed].filter((node) => node.isConnected && node.closest(".cw")
          && !node.closest(keyed) && !node.closest(elsewhere) && !node.querySelector(keyed))
          .map((node) => node.outerHTML.slice(0, 200))""",
        [KEYED, KEYS_ELSEWHERE.get(name, "#nowhere")],
    )
    assert pointed == [], "only a pointer does something here"


@pytest.mark.parametrize("name", MAKERS)
def test_arrow_keys_do_what_dragging_does(page, name: str) -> None:
    """On each picture that is a slider or an application, that is: one that takes keys of its own."""
    draw(page, MAKERS[name]())
    surfaces = page.locator(".cw").locator(OWN)
    for index in range(surfaces.count()):
        surface = surfaces.nth(index)
        if not surface.is_visible():
            continue
        seen = page.locator(".cw").inner_html()
        surface.focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowRight"):
            page.keyboard.press(key)
        page.wait_for_function("(seen) => document.querySelector('.cw').innerHTML !== seen", arg=seen, timeout=3000)
