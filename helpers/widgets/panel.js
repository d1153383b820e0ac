// Shared by the panels, whose buttons ask Python to do something.

const SILENCE = "Python has not answered yet. It may be busy with another cell: wait. If this stays, run this cell again.";

/**
 * Send a request to Python. `answered` gets its answer, however late; `silent` is called if none has come after four
 * seconds, and at once where the Jupyter kernel is known to be gone. Returns a function that stops waiting.
 */
function ask(model, request, { answered, silent } = {}) {
  const hear = (answer) => {
    if (answer?.done !== request.do) return;
    stop();
    answered?.(answer);
  };
  const stop = () => {
    clearTimeout(timer);
    model.off("msg:custom", hear);
  };
  const timer = setTimeout(() => silent?.(), 4000);
  model.on("msg:custom", hear);
  try {
    model.send(request);
  } catch {
    stop();
    silent?.();
  }
  return stop;
}
