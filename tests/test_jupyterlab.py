"""Every notebook in a real JupyterLab, in a real Chromium: opened, run, looked at, in light and in dark."""

import shutil

import build
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from lab_server import jupyterlab
from nbformat.v4 import new_code_cell, new_notebook
from test_kernel_lab_pictures import NOISE, encoded

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
PATTERN = "04"  # the one that the others follow: they are slow
SOURCES = [
    pytest.param(source, id=source.stem, marks=[] if source.stem.startswith(PATTERN) else pytest.mark.slow)
    for source in build.SOURCES
]
MINUTE = 60_000

# Each visible widget's canvases hold something else than one colour.
PAINTED = """() => [...document.querySelectorAll('.cw')].map((root) => ({
  name: root.getAttribute('aria-label'),
  size: root.getBoundingClientRect().height,
  blank: [...root.querySelectorAll('canvas')].filter((canvas) => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels.every((value, i) => value === pixels[i % 4]);
  }).length,
}))"""


@pytest.fixture(scope="session")
def lab(tmp_path_factory, browser):
    """A JupyterLab over copies of the notebooks, open in a page; what its console calls an error is in `page.errors`.

    It is loaded once for all tests of a worker: that takes longer than to run most notebooks.
    """
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    folder.mkdir()
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.folder, page.errors = folder, []
    page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    with jupyterlab(folder, home) as address:
        page.goto(address.format(name="").replace("/tree/", ""))
        page.wait_for_function("() => window.jupyterapp?.shell.isAttached", timeout=MINUTE)
        yield page
    context.close()


@pytest.fixture
def opened(lab):
    """Open a notebook, or a fresh copy of one of ours, in JupyterLab; afterwards it is closed and its Python ended."""

    def open_notebook(name, notebook=None):
        lab.errors.clear()
        if notebook is None:
            shutil.copy(build.HERE / f"{name}.ipynb", lab.folder)
        else:
            nbformat.write(notebook, lab.folder / f"{name}.ipynb")
        lab.evaluate("(path) => jupyterapp.commands.execute('docmanager:open', { path })", f"{name}.ipynb")
        lab.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=MINUTE)
        lab.get_by_text("| Idle").wait_for(timeout=MINUTE)
        return lab

    yield open_notebook
    lab.evaluate(
        """async () => {
          for (const document of [...jupyterapp.shell.widgets("main")]) {
            if (document.context) document.context.model.dirty = false;
            document.close();
          }
          await jupyterapp.serviceManager.sessions.shutdownAll();
        }"""
    )
    lab.locator(".jp-Notebook").wait_for(state="detached", timeout=MINUTE)


def committed(source):
    return nbformat.read(build.notebook_of(source), as_version=4)


def run_all(page):
    menu(page, "Run", "Run All Cells")
    page.wait_for_function(
        """() => {
          const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
          return prompts.length > 3 && prompts.every((prompt) => /^\\[\\d+\\]:$/.test(prompt.textContent.trim()));
        }""",
        timeout=3 * MINUTE,
    )
    page.wait_for_function("() => document.querySelectorAll('.cw').length > 0", timeout=MINUTE)
    page.wait_for_timeout(1000)


def menu(page, *names):
    page.locator(".lm-MenuBar-itemLabel", has_text=names[0]).first.click()
    for name in names[1:]:
        page.locator(".lm-Menu-itemLabel").get_by_text(name, exact=True).click()


def serious(page, **options):
    """Return what axe-core calls serious or critical inside the notebook's outputs, also where they are out of view.

    JupyterLab's outer boxes hide their overflow; axe would take what is scrolled away for clipped, and skip it.
    """
    rules = (".jp-Cell { content-visibility: visible", ".jp-ThemedContainer { overflow: visible")
    style = page.add_style_tag(content="".join(f"{rule} !important; }}" for rule in rules))
    options = {"resultTypes": ["violations"], **options}
    results = Axe().run(page, context=".jp-Notebook .jp-OutputArea-output", options=options)
    style.evaluate("(style) => style.remove()")
    found = [v for v in results.response["violations"] if v["impact"] in ("serious", "critical")]
    return [(v["id"], node["html"][:200], node["failureSummary"][:300]) for v in found for node in v["nodes"]]


@pytest.mark.parametrize("source", SOURCES)
def test_every_widget_is_painted_and_nothing_complains(source, opened):
    page = opened(source.stem)
    stills = page.locator(".cw-still img")
    assert stills.count() > 0, "a fresh copy shows pictures before anything is run"
    assert stills.first.is_visible()
    page.errors.clear()

    run_all(page)
    code = [cell for cell in committed(source).cells if cell.cell_type == "code"]
    assert page.locator(".jp-CodeCell").count() == len(code)
    shown = page.evaluate(PAINTED)
    assert len(shown) == sum("cw-still" in str(cell.outputs) for cell in code) > 0
    assert all(widget["size"] > 40 for widget in shown), shown
    assert all(widget["blank"] == 0 for widget in shown), shown
    assert not any(still.is_visible() for still in page.locator(".cw-still").all()), "a live widget hides its still"
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert page.errors == []
    assert serious(page) == []

    menu(page, "Settings", "Theme", "JupyterLab Dark")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'", timeout=MINUTE)
    page.wait_for_timeout(500)
    assert serious(page, runOnly=["color-contrast"]) == []  # a theme changes nothing but colours
    menu(page, "Settings", "Theme", "JupyterLab Light")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'true'", timeout=MINUTE)


def keys_stay_in_the_lab(page):
    cells = page.locator(".jp-Cell").count()
    weight = page.locator(".cw [data-place='1 1']").first
    weight.click()
    page.keyboard.type("dd")  # in JupyterLab's command mode this deletes the cell
    page.keyboard.press("Enter")
    assert weight.get_attribute("aria-invalid") == "true"
    page.keyboard.press("Escape")
    result = page.locator(".cw .kl-result canvas").first
    for focused in (weight, result, page.get_by_role("button", name="Reset").first):
        focused.click()
        for key in ("a", "b", "x", "z", "m", "d", "d", "ArrowDown", "ArrowUp", "Shift+M", "Escape"):
            page.keyboard.press(key)
    assert page.locator(".jp-Cell").count() == cells
    assert page.locator(".jp-MarkdownCell").count() == sum(
        cell.cell_type == "markdown" for cell in committed(build.SOURCES[0]).cells
    )
    assert page.errors == []


def test_keys_stay_in_the_lab_and_a_restart_leaves_a_picture_and_a_sentence(opened):
    page = opened("00_start_here")
    run_all(page)
    keys_stay_in_the_lab(page)
    first = page.locator(".cw").first
    assert not first.locator(".cw-notice").is_visible()

    menu(page, "Kernel", "Restart Kernel…")
    page.locator(".jp-Dialog button.jp-mod-accept").last.click()
    first.locator(".cw-notice").wait_for(timeout=MINUTE)
    assert "run the cell again" in first.locator(".cw-notice").text_content()
    assert all(widget["blank"] == 0 for widget in page.evaluate(PAINTED))

    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    page.reload()
    page.locator(".cw-still").first.wait_for(timeout=MINUTE)
    page.wait_for_timeout(4000)  # JupyterLab looks for the models for two seconds before it gives up
    assert page.locator(".cw-still img").first.is_visible()
    assert "Run this cell" in page.locator(".cw-still").first.text_content()
    assert not any(line.is_visible() for line in page.get_by_text("Error displaying widget").all())


# By the lab's own command: a click could miss a cell that the growing widget above it moves.
RUN_CELL = """async (number) => {
  jupyterapp.shell.currentWidget.content.activeCellIndex = number;
  await jupyterapp.commands.execute("notebook:run-cell");
}"""


def test_python_gets_a_picture_of_ones_own(opened):
    """A chosen picture and back again, byte for byte, through JupyterLab's messages."""
    cells = [
        "import torch\nfrom helpers.widgets import KernelLab",
        "first = torch.arange(130.0).view(1, 10, 13) / 131\nlab = KernelLab(first, colour=True)\nlab",
        "print('sum', int((lab.picture * 255).round().sum()), tuple(lab.output.shape))",
        "print('as it was', torch.equal(lab.image, first))",
    ]
    page = opened("mine", new_notebook(cells=[new_code_cell(cell) for cell in cells], metadata=build.METADATA))
    for number in range(2):
        page.evaluate(RUN_CELL, number)
    page.locator(".kernel-lab").wait_for(timeout=MINUTE)
    content = {"name": "mine.png", "mimeType": "image/png", "buffer": encoded(NOISE, "png")}
    page.locator(".kernel-lab input[type=file]").set_input_files(content)
    page.get_by_text("20 × 30 pixels").wait_for(timeout=MINUTE)
    page.wait_for_timeout(1000)  # a widget sends its state a tenth of a second after it was painted
    page.evaluate(RUN_CELL, 2)
    page.get_by_text(f"sum {int(NOISE.astype(int).sum())} (3, 18, 28)", exact=True).wait_for(timeout=MINUTE)
    page.get_by_text("Back to the first picture").click()
    page.wait_for_timeout(1000)
    page.evaluate(RUN_CELL, 3)
    page.get_by_text("as it was True", exact=True).wait_for(timeout=MINUTE)
