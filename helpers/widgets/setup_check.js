const STATUS = {
  fine: ["✓", "fine"],
  look: ["!", "look"],
  missing: ["!", "to do"],
  waiting: ["…", "asking"],
};

function browserLine(milliseconds, silent) {
  const name = "this browser";
  if (milliseconds === null) {
    const text = silent ? `Widgets draw here. ${SILENCE} If that does not help, save and reload the page.` : "Asking Python …";
    return { name, status: "waiting", text };
  }
  const pace =
    milliseconds < 100 ? "at once" :
    milliseconds < 1000 ? `after ${Math.round(milliseconds / 100) / 10} seconds` :
    `slowly, after ${Math.round(milliseconds / 100) / 10} seconds; what you drag is computed in the browser and stays quick`;
  return { name, status: "fine", text: `Widgets draw here, and Python answers ${pace}.` };
}

function render({ model, el: host }) {
  const root = mount(host, model, "Check of the set-up");
  root.classList.add("cw-setup");
  const verdict = el("p", { class: "cw-setup-verdict", role: "status" });
  const rows = el("ul", { class: "cw-checks", "aria-label": "What was checked" });
  const button = el("button", { type: "button", onclick: check }, "Check again");
  root.append(verdict, rows, el("div", { class: "cw-row" }, button));

  let milliseconds = null;
  let silent = false;
  let stop = () => {};

  function check() {
    stop();
    [milliseconds, silent] = [null, false];
    const start = performance.now();
    stop = ask(model, { do: "check" }, {
      answered: () => {
        milliseconds = performance.now() - start;
        model.set("answer_ms", milliseconds);
        model.save_changes();
        draw();
      },
      silent: () => {
        silent = true;
        draw();
      },
    });
    draw();
  }

  function draw() {
    const lines = [...model.get("lines"), browserLine(milliseconds, silent)];
    const count = (status) => lines.filter((line) => line.status === status).length;
    const said = count("missing") ? "Not ready yet. The lines marked “! to do” say what is missing."
      : count("waiting") ? "Checking …"
      : count("look") ? "Ready. The lines marked “! look” are worth reading."
      : "Ready: everything is there.";
    setText(verdict, said);
    rows.replaceChildren(...lines.map(({ name, status, text }) =>
      el("li", { class: `cw-check cw-panel-row ${status}` },
        el("span", { class: "cw-check-status" }, `${STATUS[status][0]} ${STATUS[status][1]}`),
        el("span", { class: "cw-checked" }, name),
        el("span", {}, text))));
  }

  const repaint = painter(draw);
  model.on("change:lines", repaint);
  check();
  return () => {
    stop();
    model.off("change:lines", repaint);
  };
}

export default { render };
