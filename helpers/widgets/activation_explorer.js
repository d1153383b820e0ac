const PLOT = { width: 480, height: 300, left: 40, right: 12, top: 12, bottom: 28 };
const MEAN_SLOPE = 11 / 48; // RReLU in evaluation

/** Value and slope of one activation; `below` is its slope at 0 and under it, for those made of two lines. */
function activation(name, x, below) {
  if (name === "sigmoid") {
    const value = 1 / (1 + Math.exp(-x));
    return { value, slope: value * (1 - value) };
  }
  if (name === "tanh") {
    const value = Math.tanh(x);
    return { value, slope: 1 - value * value };
  }
  return x > 0 ? { value: x, slope: 1 } : { value: x * below, slope: below };
}

/** The slope below 0 of the activation at `place` in the stack. */
function slopeBelow({ function: name, slope, training, draws }, place) {
  if (name === "RReLU") return training ? draws[place] : MEAN_SLOPE;
  return { "leaky ReLU": 0.01, PReLU: slope }[name] ?? 0;
}

/** A number in a few characters: 0.197, 9.8e−10. */
const brief = (value) =>
  value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1).replaceAll("-", "−") : formatNumber(value, 3);

/** Each level of the stack: {input, value, slope, left}, `left` being what has come back of a gradient of 1. */
function through(state) {
  const levels = [];
  let [input, left] = [state.x, 1];
  for (let place = 0; place < state.n; place++) {
    const level = activation(state.function, input, slopeBelow(state, place));
    left *= level.slope;
    levels.push({ input, ...level, left });
    input = level.value;
  }
  return levels;
}

function render({ model, el: host }) {
  const root = mount(host, model, "Activation explorer");
  root.classList.add("cw-activation");
  const save = saver(model);
  const names = ["function", "x", "n", "slope", "training", "draws"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const rules = model.get("rules");
  const ranges = model.get("_ranges");
  const largest = ranges.x[1]; // of the input

  function set(name, value) {
    model.set(name, value);
    save();
    return null;
  }
  const setX = (x) => set("x", Number(Math.max(-largest, Math.min(largest, x)).toFixed(4)));

  // The controls.
  const which = choice("Activation", Object.keys(rules).map((name) => [name, name]), (name) => set("function", name));
  const typed = numberField("Input", { parse: (text) => parseNumber(text, largest), write: formatNumber, commit: setX });
  function slide(label, name, step) {
    const [min, max] = ranges[name];
    const input = el("input", { type: "range", min, max, step, oninput: () => set(name, Number(input.value)) });
    const output = el("output");
    return {
      node: el("label", {}, el("span", {}, label), el("span", { class: "cw-slide" }, input, output)),
      show(value) {
        input.value = value;
        output.textContent = formatNumber(value);
      },
    };
  }
  const count = slide("How many in a row", "n", 1);
  const below = slide("Slope below 0", "slope", 0.05);
  const mode = choice("Mode", [["true", "training: drawn"], ["false", "evaluation: the mean"]],
    (value) => set("training", value === "true"));
  const again = el("button", {
    type: "button",
    onclick: () => set("draws", Array.from({ length: ranges.n[1] }, () => 1 / 8 + (1 / 3 - 1 / 8) * Math.random())),
  }, "Draw again");
  root.append(el("div", { class: "cw-row cw-controls" }, which.node, typed.node, count.node, below.node, mode.node, again));

  // The curve.
  const { width, height, left, right, top, bottom } = PLOT;
  const clip = uniqueId("clip");
  const lines = {
    axes: svg("path", { class: "cw-axes" }),
    slope: svg("path", { class: "cw-slope-curve" }),
    value: svg("path", { class: "cw-value-curve" }),
    tangent: svg("path"),
  };
  const dot = svg("circle", { class: "cw-dot", r: 7 });
  const ticks = svg("g", { class: "cw-ticks" });
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    svg("clipPath", { id: clip }, svg("rect", { x: left, y: top, width: width - left - right, height: height - top - bottom })),
    ticks, svg("g", { "clip-path": `url(#${clip})` }, ...Object.values(lines), dot));
  const plot = el("div", {
    class: "cw-plot", role: "slider", tabindex: "0", "aria-label": "Input, on the curve",
    "aria-valuemin": -largest, "aria-valuemax": largest,
  }, drawing);
  const toX = (clientX) => {
    const box = plot.getBoundingClientRect();
    const at = ((clientX - box.left) / box.width) * width;
    return ((at - left) / (width - left - right)) * 2 * largest - largest;
  };
  dragged(plot, (event) => setX(Math.round(toX(event.clientX) * 20) / 20));
  plot.addEventListener("keydown", (event) => {
    if (isCommand(event)) return;
    const by = { ArrowRight: 0.1, ArrowUp: 0.1, ArrowLeft: -0.1, ArrowDown: -0.1, PageUp: 1, PageDown: -1 }[event.key];
    const to = { Home: -largest, End: largest }[event.key] ?? model.get("x") + by;
    if (Number.isNaN(to)) return;
    event.preventDefault();
    setX(to);
  });
  const key = el("p", { class: "cw-key" },
    el("span", { class: "cw-line cw-of-value" }), "value ", el("span", { class: "cw-line cw-of-slope" }), "slope ",
    el("span", { class: "cw-line" }), "tangent");

  // The stack.
  const rows = el("tbody");
  const table = el("table", { class: "cw-stack" },
    el("caption", {}, "The gradient comes back through the stack"),
    el("thead", {}, el("tr", {}, ...["", "input", "value", "slope", "left of 1"].map((text) => el("th", { scope: "col" }, text)), el("td", {}, "its logarithm"))),
    rows);
  const here = el("p", { class: "cw-here" });
  const reading = el("p", { class: "cw-reading", role: "status" });
  const rule = el("p", { class: "cw-rule" });
  root.append(
    el("p", { class: "cw-hint" }, "Drag on the curve, or use the arrow keys on it."),
    el("div", { class: "cw-stage" }, el("div", { class: "cw-two" }, el("div", {}, plot, key, here), el("div", { class: "cw-scrolls" }, table))), reading, rule);

  function draw() {
    const now = state();
    const levels = through(now);
    const [{ value, slope }] = levels;
    const bent = slopeBelow(now, 0);
    const [low, high] = { sigmoid: [-0.25, 1.25], tanh: [-1.25, 1.25] }[now.function] ?? [-4, 10];
    const px = (x) => left + ((x + largest) / (2 * largest)) * (width - left - right);
    const py = (y) => height - bottom - ((y - low) / (high - low)) * (height - top - bottom);
    const path = (pick) => Array.from({ length: 401 }, (_, i) => {
      const x = -largest + (i * largest) / 200;
      return `${i ? "L" : "M"}${px(x).toFixed(1)} ${py(pick(activation(now.function, x, bent))).toFixed(1)}`;
    }).join("");
    lines.value.setAttribute("d", path((at) => at.value));
    lines.slope.setAttribute("d", path((at) => at.slope));
    lines.axes.setAttribute("d", `M${left} ${py(0)}H${width - right}M${px(0)} ${top}V${height - bottom}`);
    const ends = [now.x - 3, now.x + 3].map((x) => `${px(x)} ${py(value + slope * (x - now.x))}`);
    lines.tangent.setAttribute("d", `M${ends.join("L")}`);
    dot.setAttribute("cx", px(now.x));
    dot.setAttribute("cy", Math.max(top, Math.min(height - bottom, py(value))));
    const marks = { sigmoid: [0, 0.25, 0.5, 1], tanh: [-1, 0, 1] }[now.function] ?? [-4, 0, 1, 5, 10];
    ticks.replaceChildren(
      ...[-10, -5, 0, 5, 10].map((x) => svg("text", { x: px(x), y: height - 8, "text-anchor": "middle" }, formatNumber(x))),
      ...marks.map((y) => svg("text", { x: left - 6, y: py(y) + 4, "text-anchor": "end" }, formatNumber(y))));

    const last = levels.at(-1).left;
    rows.replaceChildren(...levels.map((level, i) => {
      const share = Math.abs(level.left) >= 1 ? 100 : Math.max(0, 100 + (100 / 8) * Math.log10(Math.abs(level.left)));
      const bar = el("span", { class: "cw-share" });
      bar.style.width = `${share}%`;
      return el("tr", {}, el("th", { scope: "row" }, String(i + 1)),
        ...["input", "value", "slope", "left"].map((name) => el("td", {}, brief(level[name]))),
        el("td", { class: "cw-left" }, bar));
    }));
    here.textContent = `At ${formatNumber(now.x)}: value ${formatNumber(value)}, slope ${formatNumber(slope)}.`;
    plot.setAttribute("aria-valuenow", now.x);
    plot.setAttribute("aria-valuetext", here.textContent);
    const text = `A gradient of 1 comes back through ${now.n} × ${now.function}: ${formatNumber(last)} of it is left.`;
    setText(reading, text);
    rule.textContent = rules[now.function].replaceAll("{n}", now.n).replace("{bound}", formatNumber(0.25 ** now.n, 3));
    which.show(now.function);
    typed.show(now.x);
    count.show(now.n);
    below.show(now.slope);
    mode.show(String(now.training));
    below.node.hidden = now.function !== "PReLU";
    mode.node.hidden = now.function !== "RReLU";
    again.hidden = now.function !== "RReLU" || !now.training;
    root.levels = levels; // for those who look from outside, the tests for one
  }

  const repaint = painter(draw);
  names.forEach((name) => model.on(`change:${name}`, repaint));
  draw();
  return () => names.forEach((name) => model.off(`change:${name}`, repaint));
}

export default { render };
