"""What panels share: their buttons ask Python, and every request is answered."""

from __future__ import annotations

import traitlets as t

from .base import Widget


class Panel(Widget):
    """A widget whose buttons ask Python to do something.

    A request {"do": "name", …} from the browser calls the method `_do_name(request)`; what it returns, a dict or None,
    goes back as the answer, with the request's id. What it raises becomes a sentence in `message`, never a traceback.
    """

    message = t.Unicode("").tag(sync=True)  # the last sentence for the learner

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.on_msg(self._receive)

    def _receive(self, _widget: Widget, request: object, _buffers: list) -> None:
        name = request.get("do") if isinstance(request, dict) else None
        action = getattr(self, f"_do_{name}", None) if isinstance(name, str) else None
        if action is None:
            return
        try:
            answer = action(request) or {}
        except (t.TraitError, ValueError, OSError) as error:
            self.message, answer = str(error), {}
        given = {"id": request["id"]} if "id" in request else {}
        self.send({"done": name, **given, **answer})
