const CURVES = [
  { name: "training", key: "accuracy", marker: (x, y) => svg("circle", { cx: x, cy: y, r: 4 }) },
  { name: "validation", key: "validation", marker: (x, y) => svg("rect", { x: x - 4, y: y - 4, width: 8, height: 8 }) },
];
const CHART = { width: 420, height: 240, left: 48, right: 12, top: 12, bottom: 40 };

/** About five round numbers that cover low to high. */
function ticks(low, high) {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}

/** A chart of curves over the epochs 1 … `epochs`: its title, its marks, and its lines. */
function chart(title, label) {
  const drawing = svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img" });
  const node = el("figure", {}, el("figcaption", {}, title), drawing);
  const inside = { x: CHART.left, y: CHART.top, width: CHART.width - CHART.left - CHART.right, height: CHART.height - CHART.top - CHART.bottom };
  return {
    node,
    draw(lines, epochs, [low, high], summary) {
      const marks = ticks(low, high);
      [low, high] = [marks[0], marks.at(-1)];
      const toX = (epoch) => inside.x + ((epoch - 1) / Math.max(1, epochs - 1)) * (inside.width - 16) + 8;
      const toY = (value) => inside.y + ((high - value) / (high - low)) * inside.height;
      const text = (x, y, anchor, words) => svg("text", { x, y, "text-anchor": anchor }, words);
      const whole = (epochs <= 10 ? Array.from({ length: epochs }, (_, i) => i + 1) : ticks(1, epochs)).filter((n) => Number.isInteger(n) && n >= 1 && n <= epochs);
      drawing.replaceChildren(
        ...marks.flatMap((value) => [
          svg("line", { class: "lt-grid", x1: inside.x, x2: inside.x + inside.width, y1: toY(value), y2: toY(value) }),
          text(inside.x - 6, toY(value) + 4, "end", formatNumber(value)),
        ]),
        ...whole.map((epoch) => text(toX(epoch), inside.y + inside.height + 17, "middle", String(epoch))),
        text(inside.x + inside.width / 2, CHART.height - 5, "middle", "epoch"),
        ...lines.map(({ name, values, marker }) => svg("g", { class: `lt-line lt-${name}` },
          svg("polyline", { points: values.map((value, i) => `${toX(i + 1)},${toY(value)}`).join(" ") }),
          ...values.map((value, i) => marker(toX(i + 1), toY(value))))));
      drawing.setAttribute("aria-label", summary || `${label}: nothing yet.`);
    },
  };
}

function render({ model, el: host }) {
  const root = mount(host, model, "Live training");
  root.classList.add("live-training");
  const get = (name) => model.get(name);
  let silent = "";
  let asked = null; // what a button asked for and Python has not yet done

  const start = el("button", { type: "button", class: "cw-primary", onclick: () => press("start") }, "Start");
  const stop = el("button", { type: "button", onclick: () => press("stop") }, "Stop");
  const fields = {
    epochs: wholeField("Epochs", get("_ranges").epochs, (value) => set("epochs", value)),
    lr: numberField("Learning rate (lr)", {
      parse: (text) => parseNumber(text),
      write: (value) => formatNumber(value, 6),
      commit: (value) => (value > 0 ? set("lr", value) : "lr must be a number above 0, for example 0.01."),
    }),
  };
  const bar = el("progress", { max: 1, "aria-label": "Progress of this run" });
  const message = el("p", { class: "cw-message", role: "status" });
  const loss = chart("Loss", "Loss by epoch");
  const accuracy = chart("Accuracy", "Accuracy by epoch");
  const legend = el("p", { class: "lt-legend" }, ...CURVES.map(({ name, marker }) => el("span", {},
    svg("svg", { viewBox: "0 0 36 12", width: 36, height: 12, "aria-hidden": "true" },
      svg("g", { class: `lt-line lt-${name}` }, svg("polyline", { points: "0,6 36,6" }), marker(18, 6))), name)));
  const rows = el("tbody");
  const numbers = el("details", {}, el("summary", {}, "The numbers"),
    el("table", {}, el("thead", {}, el("tr", {}, ...["epoch", "loss", "accuracy", "validation"].map((name) => el("th", { scope: "col" }, name)))), rows));
  root.append(el("div", { class: "lt-controls" }, start, stop, fields.epochs.node, fields.lr.node), bar, message,
    el("div", { class: "lt-charts" }, loss.node, accuracy.node), legend, numbers);

  function set(name, value) {
    model.set(name, value);
    model.save_changes();
    return null;
  }

  function press(action) {
    const wrong = Object.values(fields).find((field) => field.input.hasAttribute("aria-invalid"));
    if (action === "start" && wrong) return wrong.input.focus();
    if (asked || get("running") !== (action === "stop")) return;
    asked = action;
    silent = "";
    const answered = () => {
      if (action === "start") asked = null;
      show();
    };
    const request = action === "start" ? { do: action, epochs: get("epochs"), lr: get("lr") } : { do: action };
    ask(model, request, {
      answered,
      silent: () => {
        asked = null;
        silent = SILENCE;
        show();
      },
    });
    show();
  }

  function show() {
    const running = get("running");
    const history = get("history");
    const done = history.loss.length;
    for (const [button, off] of [[start, running || asked], [stop, !running || asked]]) button.setAttribute("aria-disabled", String(Boolean(off)));
    bar.value = get("progress");
    bar.classList.toggle("lt-idle", !running);
    const said = asked === "stop" ? "Stopping …" : asked ? "Starting …" : running ? `Training epoch ${Math.min(done + 1, get("_target"))} of ${get("_target")}.` : get("message");
    const words = silent || said || "Nothing is trained yet. Press Start.";
    setText(message, words);
    Object.entries(fields).forEach(([name, field]) => field.show(get(name)));
    draw(history, done);
  }

  let drawn = "";
  function draw(history, done) {
    const epochs = Math.max(2, get("running") ? get("_target") : 0, done);
    const key = JSON.stringify([history, epochs]);
    if (key === drawn) return;
    drawn = key;
    const lines = CURVES.map((one) => ({ ...one, values: history[one.key] })).filter(({ values }) => values.length);
    const all = lines.flatMap(({ values }) => values);
    const last = (values) => formatNumber(values.at(-1), 3);
    loss.draw([{ ...CURVES[0], values: history.loss }], epochs, [0, Math.max(...history.loss, 1e-9)],
      done && `Loss by epoch: from ${formatNumber(history.loss[0], 3)} to ${last(history.loss)} after ${done} epochs.`);
    accuracy.draw(lines, epochs, [Math.min(0.9, Math.floor(10 * Math.min(...all, 1)) / 10), 1],
      done && `Accuracy by epoch after ${done} epochs: ${lines.map(({ name, values }) => `${name} ${last(values)}`).join(", ")}.`);
    rows.replaceChildren(...history.loss.map((value, i) => el("tr", {}, el("th", { scope: "row" }, String(i + 1)),
      ...[value, history.accuracy[i], history.validation[i]].map((number) => el("td", {}, number === undefined ? "–" : formatNumber(number, 4))))));
    numbers.hidden = !done;
  }
  const ended = () => {
    if (!get("running")) asked = null;
    silent = "";
    show();
  };
  const heard = [["running", ended], ...["history", "progress", "message", "epochs", "lr"].map((name) => [name, show])];
  heard.forEach(([name, f]) => model.on(`change:${name}`, f));
  show();
  return () => heard.forEach(([name, f]) => model.off(`change:${name}`, f));
}

export default { render };
