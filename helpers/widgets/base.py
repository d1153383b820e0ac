"""What every widget of the workbook shares: how its module is put together and how it shows itself."""

from __future__ import annotations

import base64
import html
import sys
from pathlib import Path

import anywidget
from IPython.display import display
from traitlets import Dict, default

from .traits import Number

HERE = Path(__file__).parent

# JupyterLab writes a bare error where a widget's model is gone. The still above says more, so that line is hidden.
STILL_STYLE = (
    ".jp-OutputArea-child:has(.cw-still) + .jp-OutputArea-child "
    ".jupyter-widgets.jp-OutputArea-output:not(:has(*)) { display: none; }"
)


def still_bundle(png: bytes, alt: str, sentence: str) -> dict[str, str]:
    """Return the display data of a picture that stands in for a widget where no script runs.

    Args:
        png: the picture, a PNG file's bytes.
        alt: what there is to see in it, for those who cannot.
        sentence: what to do to get the live widget.
    """
    data = base64.b64encode(png).decode("ascii")
    return {
        "text/html": (
            f'<div class="cw-still"><style>{STILL_STYLE}</style>'
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" style="max-width: 100%">'
            f"<p>{html.escape(sentence)}</p></div>"
        ),
        "image/png": data,
        "text/plain": f"{alt}\n{sentence}",
    }


class Widget(anywidget.AnyWidget):
    """A widget whose state lives in traits and whose drawing is done in the browser by one module.

    A subclass in `NAME.py` brings `NAME.js` (and `NAME.css` where it has a style of its own); both are joined
    behind the shared files here, and those of its parents, because an anywidget module cannot import a neighbour. The
    subclass also gives `still()`, a picture of the present state. Displaying publishes two outputs: the still, which
    remains where no script runs, and the live view, which hides the still once it has painted. The module finds the
    lowest and the highest value of each trait that is a `Number` or a `Whole` in `_ranges`.
    """

    sentence = "This is a still picture. Run this cell to use it."

    _ranges = Dict().tag(sync=True)

    @default("_ranges")
    def _list_ranges(self) -> dict[str, list[float]]:
        return {name: [one.low, one.high] for name, one in self.traits().items() if isinstance(one, Number)}

    def __init_subclass__(cls, **kwargs: object) -> None:
        # not for the copy of a class that traitlets makes for each instance
        if cls.__module__ != cls.__mro__[1].__module__:
            parents = reversed(cls.__mro__[: cls.__mro__.index(Widget)])
            files = dict.fromkeys([HERE / "shared", *(Path(sys.modules[one.__module__].__file__) for one in parents)])
            cls._esm, cls._css = (join(*(file.with_suffix(suffix) for file in files)) for suffix in (".js", ".css"))
        super().__init_subclass__(**kwargs)

    def set_state(self, sync_data: dict) -> None:
        """Take from the browser what a learner may set: no name that begins with "_", and nothing that is read-only."""
        taken = {name: value for name, value in sync_data.items() if name == "_view_count" or self._is_open(name)}
        super().set_state(taken)

    def _is_open(self, name: str) -> bool:
        return self.has_trait(name) and not name.startswith("_") and not self.traits()[name].read_only

    def still(self) -> tuple[bytes, str]:
        """Return a PNG of the present state and its alt text."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        live, metadata = super()._repr_mimebundle_(**kwargs)
        return {**live, **still_bundle(*self.still(), self.sentence)}, metadata

    def _ipython_display_(self) -> None:
        live, metadata = super()._repr_mimebundle_()
        display(still_bundle(*self.still(), self.sentence), raw=True)
        display({key: value for key, value in live.items() if key != "text/plain"}, metadata=metadata, raw=True)


def join(*paths: Path) -> str:
    """Return the texts of the files that exist, one after the other."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.exists())
