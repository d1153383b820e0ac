const FURTHEST = 100; // of slope and intercept
const LARGEST_LR = 10;
const OUT_OF_SIGHT = 1e6;
const FRAME = { width: 400, height: 340, left: 36, right: 12, top: 12, bottom: 40 };
const VIEW = { x: [1, 12], y: [-1, 5] }; // of the points
const ENDS = [2, 11]; // where the line is held
const REACH = [0.85, 5.3]; // of the map to each side of the exact answer, in slope and height
const CELLS = 160; // of the map, each way
const BANDS = 2; // per doubling of the loss

/** Sums over the points, from which the loss and its gradient follow; `away` is taken from each x. */
function summed([xs, ys], away) {
  const mean = (pick) => xs.reduce((sum, x, i) => sum + pick(x - away, ys[i]), 0) / xs.length;
  return { x: mean((x) => x), y: mean((_, y) => y), xx: mean((x) => x * x), xy: mean((x, y) => x * y), yy: mean((_, y) => y * y) };
}
const lossAt = (s, [w, h]) => s.yy + w * w * s.xx + h * h + 2 * (w * h * s.x - w * s.xy - h * s.y);

/** The walk in (slope, height), from its start; it ends early where it goes out of sight. */
function walk(s, start, lr, steps) {
  const path = [start];
  let [w, h] = start;
  for (let i = 0; i < steps && Math.max(Math.abs(w), Math.abs(h)) <= OUT_OF_SIGHT; i++) {
    const [down, up] = [2 * (w * s.xx + h * s.x - s.xy), 2 * (w * s.x + h - s.y)];
    [w, h] = [w - lr * down, h - lr * up];
    path.push([w, h]);
  }
  return path;
}

function bestOf(s) {
  const w = (s.xy - s.x * s.y) / (s.xx - s.x * s.x);
  return [w, s.y - w * s.x];
}

/** 2 / the largest curvature of the loss. */
function largestRate(s) {
  const half = (s.xx - 1) / 2;
  return 1 / ((s.xx + 1) / 2 + Math.sqrt(half * half + s.x * s.x));
}

/** The map from numbers to places in a drawing. */
function placing([x0, x1], [y0, y1]) {
  const { width, height, left, right, top, bottom } = FRAME;
  const [wide, high] = [width - left - right, height - top - bottom];
  return {
    x: (x) => left + ((x - x0) / (x1 - x0)) * wide,
    y: (y) => height - bottom - ((y - y0) / (y1 - y0)) * high,
    /** The numbers under a pointer. */
    at: (event, node) => {
      const box = node.getBoundingClientRect();
      const [px, py] = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
      return [x0 + ((px - left) / wide) * (x1 - x0), y0 + ((height - bottom - py) / high) * (y1 - y0)];
    },
  };
}

/** An empty drawing with a frame, ticks and the names of its axes. */
function chart(label, front) {
  const { width, height, left, right, top, bottom } = FRAME;
  const clip = uniqueId("clip");
  const inner = { x: left, y: top, width: width - left - right, height: height - top - bottom };
  const ticks = svg("g", { class: "cw-ticks" });
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    svg("clipPath", { id: clip }, svg("rect", inner)), ticks, svg("rect", { class: "cw-frame", ...inner }), front);
  return {
    clip: `url(#${clip})`, drawing,
    show(place, xs, ys, [nameX, nameY]) {
      const text = (x, y, anchor, words) => svg("text", { x, y, "text-anchor": anchor }, words);
      ticks.replaceChildren(
        ...xs.map((x) => text(place.x(x), height - bottom + 16, "middle", formatNumber(x))),
        ...ys.map((y) => text(left - 5, place.y(y) + 4, "end", formatNumber(y))),
        ...(nameX ? [text(width - right, height - 6, "end", nameX), text(left + 6, top + 14, "start", nameY)] : []));
    },
  };
}

function render({ model, el: host }) {
  const root = mount(host, model, "Line fitter");
  root.classList.add("cw-line-fitter");
  const save = saver(model);
  const get = (name) => model.get(name);
  const points = get("points");
  const meanX = points[0].reduce((sum, x) => sum + x, 0) / points[0].length;
  const away = () => (get("centred") ? meanX : 0);
  const plain = summed(points, 0);
  const exact = bestOf(plain);
  let walked = null; // what is on the screen

  function put(state) {
    for (const [name, value] of Object.entries(state)) model.set(name, value);
    save();
    return null;
  }
  const line = () => (get("steps") === 0 ? get("start") : walked.line); // not what is painted: keys may come faster
  const clamp = (value, most = FURTHEST) => Number(Math.max(-most, Math.min(most, value)).toPrecision(8));
  /** Put the line by hand: a new start, no steps yet. */
  const place = ([slope, intercept]) => put({ start: [clamp(slope), clamp(intercept)], steps: 0 });
  const [, mostSteps] = get("_ranges").steps;
  const setSteps = (steps) => put({ steps: Math.max(0, Math.min(mostSteps, steps)) });

  // The controls.
  const number = (label, commit, most = FURTHEST) =>
    numberField(label, { parse: (text) => parseNumber(text, most), write: formatNumber, commit });
  const slope = number("Slope", (value) => place([value, line()[1]]));
  const intercept = number("Intercept", (value) => place([line()[0], value]));
  const rate = number("Learning rate", (value) =>
    value > 0 && value <= LARGEST_LR ? put({ lr: value })
      : `A learning rate must be above 0 and at most ${LARGEST_LR}: ${formatNumber(value)} is not.`, Infinity);
  const steps = wholeField("Steps", [0, mostSteps], setSteps);
  const button = (text, onclick) => el("button", { type: "button", onclick }, text);
  const further = [1, 10, 100, 1000].map((n) =>
    el("button", { type: "button", "aria-label": `${n} more step${n > 1 ? "s" : ""}`, onclick: () => setSteps(get("steps") + n) }, `+${n}`));
  const back = button("Back to the start", () => setSteps(0));
  const centre = el("input", { type: "checkbox", onchange: () => put({ centred: centre.checked }) });
  root.append(
    el("div", { class: "cw-row cw-controls" }, slope.node, intercept.node, rate.node, steps.node,
      el("div", { class: "cw-buttons", role: "group", "aria-label": "More steps" }, ...further, back),
      el("label", { class: "cw-check" }, centre, "centre x")));

  // The points and the line.
  const scatter = svg("g");
  const left = chart("points", scatter);
  scatter.setAttribute("clip-path", left.clip);
  const onPoints = placing(VIEW.x, VIEW.y);
  left.show(onPoints, [2, 4, 6, 8, 10, 12], [-1, 0, 1, 2, 3, 4, 5], ["x", "y"]);
  const residuals = svg("path", { class: "cw-residuals" });
  const drawn = svg("path", { class: "cw-the-line" });
  scatter.append(residuals, drawn,
    ...points[0].map((x, i) => svg("circle", { class: "cw-point", cx: onPoints.x(x), cy: onPoints.y(points[1][i]), r: 4.5 })));
  const field = el("div", { class: "cw-field-of-points" }, left.drawing);
  const heightAt = (x) => line()[0] * x + line()[1];
  const through = (i, y) => {
    const other = heightAt(ENDS[1 - i]);
    const turned = (i === 1 ? y - other : other - y) / (ENDS[1] - ENDS[0]);
    place([turned, other - turned * ENDS[1 - i]]);
  };
  const handles = ENDS.map((x, i) => {
    const name = i ? "right" : "left";
    const handle = el("div", {
      class: "cw-handle", role: "slider", tabindex: "0", "aria-label": `Height of the line on the ${name}, at x = ${x}`,
      "aria-orientation": "vertical", "aria-valuemin": VIEW.y[0], "aria-valuemax": VIEW.y[1],
    });
    dragged(handle, (event) => through(i, onPoints.at(event, field)[1]), () => {});
    handle.addEventListener("keydown", (event) => {
      if (isCommand(event)) return;
      const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
      if (!by) return;
      event.preventDefault();
      through(i, heightAt(x) + by * (event.shiftKey ? 0.01 : 0.05));
    });
    field.append(handle);
    return handle;
  });

  // The loss surface.
  const canvas = el("canvas", { "aria-hidden": "true" });
  const marks = svg("g");
  const right = chart("surface", marks);
  marks.setAttribute("clip-path", right.clip);
  const trail = [svg("path", { class: "cw-trail-under" }), svg("path", { class: "cw-trail" })];
  const cross = svg("path", { class: "cw-cross" });
  const from = svg("rect", { class: "cw-from", width: 10, height: 10 });
  const now = svg("circle", { class: "cw-now", r: 6 });
  marks.append(...trail, from, now, cross);
  const surface = el("div", { class: "cw-surface", role: "application", tabindex: "0" }, canvas, right.drawing);
  const mapTitle = el("figcaption");
  let onMap = null;
  const moveTo = ([w, h]) => place([w, h - w * away()]);
  dragged(surface, (event) => moveTo(onMap.at(event, surface)));
  surface.addEventListener("keydown", (event) => {
    const by = arrowOf(event);
    if (!by) return;
    event.preventDefault();
    const fine = event.shiftKey ? 200 : 40;
    const [w, b] = line();
    moveTo([w + (by[1] * 2 * REACH[0]) / fine, b + w * away() - (by[0] * 2 * REACH[1]) / fine]);
  });
  let painted = null; // for which centring

  const reading = el("p", { class: "cw-reading", role: "status" });
  root.append(
    el("p", { class: "cw-hint" }, "Drag the two ends of the line, or a place on the map. Arrow keys do the same."),
    el("div", { class: "cw-stage" }, el("div", { class: "cw-two" },
      el("figure", {}, el("figcaption", {}, "The points, the line, and its error at each point"), field),
      el("figure", {}, mapTitle, surface,
        el("p", { class: "cw-key" }, "□ start  ● now  ✕ exact answer")))),
    reading);

  function drawMap(sums) {
    const middle = bestOf(sums);
    const axes = REACH.map((reach, i) => [middle[i] - reach, middle[i] + reach]);
    onMap = placing(...axes);
    if (painted === get("centred")) return;
    painted = get("centred");
    const lowest = lossAt(sums, middle);
    const bands = new Float64Array(CELLS * CELLS);
    for (let r = 0; r < CELLS; r++) {
      const h = axes[1][1] - ((r + 0.5) / CELLS) * 2 * REACH[1];
      for (let c = 0; c < CELLS; c++) {
        const w = axes[0][0] + ((c + 0.5) / CELLS) * 2 * REACH[0];
        bands[r * CELLS + c] = -Math.floor(BANDS * Math.log2(lossAt(sums, [w, h]) / lowest));
      }
    }
    paint(canvas, bands, CELLS, CELLS, { low: -9 * BANDS, high: 0 });
    const heights = painted ? [-2, 0, 2, 4, 6] : [-4, -2, 0, 2, 4, 6];
    right.show(onMap, [-0.5, 0, 0.5, 1], heights, []);
    mapTitle.textContent = `The loss of every line, light is small. Across: slope. Up: ${painted ? "height at the mean of x" : "intercept"}.`;
  }

  function draw() {
    const shift = away();
    const sums = summed(points, shift);
    const [w0, b0] = get("start");
    const path = walk(sums, [w0, b0 + w0 * shift], get("lr"), get("steps"));
    const [w, h] = path.at(-1);
    walked = { path, line: [w, h - w * shift], loss: lossAt(sums, [w, h]), best: lossAt(plain, exact), exact, largest: largestRate(sums) };
    const [slopeNow, interceptNow] = walked.line;

    const at = (x) => onPoints.y(Math.max(-1e4, Math.min(1e4, slopeNow * x + interceptNow)));
    drawn.setAttribute("d", `M${onPoints.x(VIEW.x[0])} ${at(VIEW.x[0])}L${onPoints.x(VIEW.x[1])} ${at(VIEW.x[1])}`);
    residuals.setAttribute("d", points[0].map((x, i) => `M${onPoints.x(x)} ${onPoints.y(points[1][i])}V${at(x)}`).join(""));
    handles.forEach((handle, i) => {
      const y = slopeNow * ENDS[i] + interceptNow;
      const shown = Math.max(VIEW.y[0], Math.min(VIEW.y[1], y));
      handle.style.left = `${(100 * onPoints.x(ENDS[i])) / FRAME.width}%`;
      handle.style.top = `${(100 * onPoints.y(shown)) / FRAME.height}%`;
      handle.classList.toggle("cw-beyond", shown !== y);
      handle.setAttribute("aria-valuenow", shown);
      handle.setAttribute("aria-valuetext", formatNumber(y, 3));
    });

    drawMap(sums);
    const spot = ([a, b]) => [onMap.x(a), onMap.y(b)].map((n) => Math.max(-1e5, Math.min(1e5, n)).toFixed(1)).join(" ");
    const stride = Math.max(1, Math.floor(path.length / 2000));
    const seen = path.filter((_, i) => i % stride === 0 || i === path.length - 1);
    for (const part of trail) part.setAttribute("d", `M${seen.map(spot).join("L")}`);
    const [startX, startY] = spot(path[0]).split(" ").map(Number);
    from.setAttribute("x", startX - 5);
    from.setAttribute("y", startY - 5);
    const [nowX, nowY] = spot(path.at(-1)).split(" ");
    now.setAttribute("cx", nowX);
    now.setAttribute("cy", nowY);
    const [bestX, bestY] = spot(bestOf(sums)).split(" ").map(Number);
    cross.setAttribute("d", `M${bestX - 7} ${bestY - 7}l14 14m0 -14l-14 14`);

    const text = get("readings")[caseOf(h)]
      .replace("{steps}", `${path.length - 1} step${path.length === 2 ? "" : "s"}`).replace("{loss}", formatNumber(walked.loss))
      .replace("{best}", formatNumber(walked.best)).replace("{largest}", formatNumber(walked.largest));
    setText(reading, text);
    reading.dataset.case = caseOf(h);
    surface.setAttribute("aria-label",
      `Map of the loss. Now: slope ${formatNumber(slopeNow)}, intercept ${formatNumber(interceptNow)}. ` +
      `Exact answer: slope ${formatNumber(exact[0])}, intercept ${formatNumber(exact[1])}. Arrow keys move the line.`);
    slope.show(slopeNow);
    intercept.show(interceptNow);
    rate.show(get("lr"));
    steps.show(get("steps"));
    centre.checked = get("centred");
    further.forEach((one) => (one.disabled = get("steps") >= mostSteps));
    back.disabled = get("steps") === 0;
    root.walked = walked; // for those who look from outside, the tests for one
  }

  /** Which reading is true; Python's `case` finds the same. */
  function caseOf(h) {
    if (get("steps") === 0) return "start";
    const [a, b] = walked.line;
    if (Math.max(Math.abs(a), Math.abs(h)) > OUT_OF_SIGHT) return "diverged";
    if (Math.abs(a - exact[0]) < 0.01 && Math.abs(b - exact[1]) < 0.01) return "arrived";
    return get("lr") > walked.largest ? "overshoots" : "walking";
  }

  const repaint = painter(draw);
  const names = ["start", "lr", "steps", "centred"];
  names.forEach((name) => model.on(`change:${name}`, repaint));
  draw();
  return () => names.forEach((name) => model.off(`change:${name}`, repaint));
}

export default { render };
