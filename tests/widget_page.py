"""Draws one widget in a bare page, without JupyterLab: a model in the page stands in for Python."""

import base64
import contextlib
import json
from collections.abc import Iterator

from ipywidgets.widgets.widget import _remove_buffers

PAGE = """<!doctype html><html lang="en"><head><title>widget</title><style>body { margin: 16px; }</style></head>
<body data-jp-theme-light="true"><main><div class="jp-OutputArea"><div id="host"></div></div></main></body></html>"""

MOUNT = """async ([id, state, buffers, esm, css]) => {
  for (const [path, data] of buffers) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    let place = state;
    for (const key of path.slice(0, -1)) place = place[key];
    place[path.at(-1)] = new DataView(bytes.buffer);
  }
  const listeners = {};
  const emit = (name, ...args) => [...(listeners[name] ?? [])].forEach((f) => f(...args));
  let changed = {};
  const model = {
    saved: [], sent: [],
    get: (name) => state[name],
    set: (name, value) => {
      if (state[name] === value) return;
      state[name] = value;
      changed[name] = value;
      emit(`change:${name}`, model, value);
      emit("change", model);
    },
    receive: (name, value) => { state[name] = value; emit(`change:${name}`, model, value); emit("change", model); },
    on: (name, f) => (listeners[name] ??= []).push(f),
    off: (name, f) => { listeners[name] = f ? (listeners[name] ?? []).filter((g) => g !== f) : []; },
    save_changes: () => { model.saved.push(changed); changed = {}; },
    send: (content) => model.sent.push(content),
    emit,
  };
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  const module = (await import(url)).default;
  await module.initialize?.({ model });
  let host = document.getElementById(id);
  if (!host) {
    host = Object.assign(document.createElement("div"), { id });
    document.querySelector(".jp-OutputArea").append(host);
  }
  await module.render({ model, el: host });
  (window.models ??= {})[id] = model;
}"""


def draw(page, widget, host: str = "host", *, dark: bool = False) -> None:
    """Draw `widget` in the Playwright page; `window.models[host]` is its model afterwards.

    Call it twice with two hosts to have two widgets on one page. What the module sets is in `models[host].saved`;
    `models[host].receive(name, value)` is a change that comes from Python.
    """
    if page.locator("#host").count() == 0:
        page.set_content(PAGE)
        page.evaluate(
            "(dark) => { document.body.dataset.jpThemeLight = String(!dark); if (dark) document.body.style = `"
            "background: #111; --jp-ui-font-color0: #fff; --jp-ui-font-color1: #ddd; --jp-layout-color1: #111;"
            " --jp-layout-color2: #333; --jp-border-color0: #777`; }",
            dark,
        )
    state, paths, buffers = _remove_buffers(widget.get_state())
    state = {name: value for name, value in state.items() if name not in ("layout", "tabbable", "tooltip")}
    packed = [[list(path), base64.b64encode(bytes(data)).decode()] for path, data in zip(paths, buffers, strict=True)]
    esm, css = state.pop("_esm"), state.pop("_css")
    page.evaluate(MOUNT, [host, json.loads(json.dumps(state)), packed, esm, css])


def get(page, name: str, host: str = "host") -> object:
    """The trait `name` of the model in the page."""
    return page.evaluate("([host, name]) => models[host].get(name)", [host, name])


def receive(page, host: str = "host", **values: object) -> None:
    """Changes that come from Python; waits until they are painted."""
    page.evaluate(
        """([host, values]) => {
          for (const [name, value] of Object.entries(values)) models[host].receive(name, value);
        }""",
        [host, values],
    )
    painted(page)


def painted(page) -> None:
    """Wait until what has changed so far is on the screen: a change may draw in the next frame only."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@contextlib.contextmanager
def watched(page) -> Iterator[None]:
    """Fail at the end when a script in the page has raised."""
    errors = []

    def note(error: Exception) -> None:
        errors.append(str(error))

    page.on("pageerror", note)
    yield
    page.remove_listener("pageerror", note)
    assert errors == []


def requests(page) -> list[dict]:
    """What the widget has asked Python, without the numbers that tell its requests apart."""
    return page.evaluate("models.host.sent.map(({ id, ...request }) => request)")


def answer(page, done: str, **content: object) -> None:
    """Python's answer to the last request of that name."""
    page.evaluate(
        """(content) => {
          const { id } = models.host.sent.findLast((request) => request.do === content.done);
          models.host.emit("msg:custom", { ...content, id });
        }""",
        {"done": done, **content},
    )
