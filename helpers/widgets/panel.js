// Shared by the panels, whose buttons ask Python to do something.

/**
 * Send a request to Python. `answered` gets its answer, however late; for `silent`, see `patience`.
 * Returns a function that stops waiting.
 */
function ask(model, request, { answered, silent } = {}) {
  const id = uniqueId("ask");
  const python = patience(() => silent?.());
  const hear = (answer) => {
    if (answer?.id !== id) return;
    stop();
    answered?.(answer);
  };
  const stop = () => {
    python.stop();
    model.off("msg:custom", hear);
  };
  model.on("msg:custom", hear);
  python.wait(() => model.send({ ...request, id }));
  return stop;
}
