// The optimizer race: Python lets torch compute the paths, once per setting; here they are drawn and played.

const PER_SECOND = 10; // steps that are played in a second
const LOWEST = -10; // the loss plot goes down to ten to the power of this
const SETTINGS = ["surface", "lr", "momentum", "start"];
const COLOURS = [
  "#0b3d91", "#c1121f", "#2a7f3e", "#8a4fbf", "#b35900", "#007c89",
  "#5b5b00", "#d6006c", "#4a4a4a", "#6b3e26", "#0077cc", "#000000",
];
const MARKERS = [
  polygon(24), polygon(4, 45), polygon(3, -90), polygon(4), polygon(3, 90), star(4, 0.35),
  star(4, 0.35, 45), star(5, 0.45, -90), polygon(6), polygon(3), polygon(5, -90), star(8, 0.6),
];

function polygon(corners, turn = 0) {
  return Array.from({ length: corners }, (_, i) => {
    const angle = ((360 * i) / corners + turn) * (Math.PI / 180);
    return [Math.cos(angle), Math.sin(angle)];
  });
}

function star(points, inner, turn = 0) {
  const half = 180 / points;
  const [outside, inside] = [polygon(points, turn), polygon(points, turn + half)];
  return outside.flatMap((corner, i) => [corner, inside[i].map((n) => n * inner)]);
}

/** The loss at a point of a valley; Python's `valley_loss` gives the same. */
function valleyLoss(map, { angle, bend }, x, y) {
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const [right, up] = [x - map.bottom[0], y - map.bottom[1]];
  const u = cos * right + sin * up;
  const v = cos * up - sin * right - bend * u * u;
  return (map.flat * u * u + map.steep * v * v) / 2;
}

/** The lines of equal loss as a picture of width × height pixels: darker is higher. */
function contours(map, valley, width, height) {
  const image = new ImageData(width, height);
  const level = (c, r) => {
    const x = ((c + 0.5) / width) * 2 * map.reach[0] - map.reach[0];
    const y = map.reach[1] - ((r + 0.5) / height) * 2 * map.reach[1];
    return Math.floor(Math.log2(Math.max(valleyLoss(map, valley, x, y), 2 ** -7)) + 7);
  };
  let above = Array.from({ length: width }, (_, c) => level(c, 0));
  for (let r = 0, i = 0; r < height; r++) {
    let left = level(0, r);
    for (let c = 0; c < width; c++, i += 4) {
      const here = level(c, r);
      const grey = here !== left || here !== above[c] ? 176 : 255 - 4 * here;
      image.data.set([grey, grey, grey, 255], i);
      left = above[c] = here;
    }
  }
  return image;
}

/** A canvas as wide as its place on the page, `ratio` times as wide as high; `draw(context, width, height)` fills it. */
function drawing(ratio, draw, attributes = {}) {
  const node = el("canvas", { role: "img", ...attributes });
  return {
    node,
    paint() {
      const width = node.clientWidth;
      if (width === 0) return; // out of sight: what was painted last stays
      const height = Math.round(width / ratio);
      const scale = globalThis.devicePixelRatio || 1;
      const size = [Math.round(width * scale), Math.round(height * scale)];
      if (node.width !== size[0] || node.height !== size[1]) [node.width, node.height] = size;
      const context = node.getContext("2d");
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.clearRect(0, 0, width, height);
      draw(context, width, height);
    },
  };
}

const raised = (power) => [...String(power)].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");

function marker(context, number, x, y, size) {
  context.beginPath();
  MARKERS[number].forEach(([a, b], i) => context[i ? "lineTo" : "moveTo"](x + a * size, y + b * size));
  context.closePath();
  context.fillStyle = COLOURS[number];
  context.strokeStyle = "#fff";
  context.lineWidth = 1.5;
  context.stroke();
  context.fill();
}

function polyline(context, points, colour, width = 1.6) {
  context.beginPath();
  points.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x, y));
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.stroke();
}

/** A slider with a field for the exact number beside it. `commit(value)` takes what was set. */
function dial(label, [low, high], { toSlider, fromSlider, commit }) {
  const slider = el("input", { type: "range", min: toSlider(low), max: toSlider(high), step: "any", "aria-label": label });
  const { input, error, show } = numberField(label, {
    parse: (text) => parseNumber(text, Infinity),
    write: formatNumber,
    commit: (value) => (value >= low && value <= high ? commit(value)
      : `${formatNumber(value)} does not go: ${label} lies between ${formatNumber(low)} and ${formatNumber(high)}.`),
  });
  input.setAttribute("aria-label", `${label}, exact number`);
  slider.addEventListener("input", () => commit(fromSlider(Number(slider.value))));
  slider.addEventListener("keydown", (event) => {
    if (isCommand(event)) return;
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = Number(slider.value) + (by * (toSlider(high) - toSlider(low))) / 66;
    commit(fromSlider(Math.max(toSlider(low), Math.min(toSlider(high), next))));
  });
  return {
    node: el("div", { class: "cw-dial" }, el("span", {}, label), el("div", { class: "cw-row" }, slider, input), error),
    show(value) {
      slider.value = toSlider(value);
      slider.setAttribute("aria-valuetext", formatNumber(value));
      show(value);
    },
  };
}

function render({ model, el: host }) {
  const root = mount(host, model, "Optimizer race");
  root.classList.add("cw-race");
  const wish = {}; // what was set while Python computes: in the model, its echo of the setting before would undo it
  const get = (name) => (name in wish ? wish[name] : model.get(name));
  const [map, last, ranges] = ["map", "steps", "_ranges"].map(get);
  const calm = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false;
  const save = saver(model);

  let runs = []; // {name, points, diverged, left, note, path: [x, y, loss] each}
  let at = calm ? last : get("step"); // how far the paths are drawn, in steps
  let playing = null; // the time of the last frame
  let drag = null; // where the start is being dragged to

  // What is set goes to Python, one setting at a time: while it computes, only the newest is remembered.
  const answered = () => SETTINGS.every((name) => equal(get(name), get("race").setting[name]));
  const python = patience(() => ask());
  function ask() {
    const unsent = Object.entries(wish).some(([name, value]) => !equal(model.get(name), value));
    if (!unsent) Object.keys(wish).forEach((name) => delete wish[name]);
    if (!unsent && answered()) return tell("");
    const { lr, momentum } = get("race").setting;
    const old = `The picture still shows lr ${formatNumber(lr)}, momentum ${formatNumber(momentum)}.`;
    tell(`${python.silent ? SILENCE : "Computing …"} ${old}`);
    if (python.waiting) return;
    python.wait(() => {
      for (const [name, value] of Object.entries(wish)) {
        delete wish[name];
        model.set(name, value);
      }
      model.save_changes();
    });
  }
  function change(name, value) {
    if (equal(get(name), value)) return;
    wish[name] = value;
    ask();
    show();
  }
  function receive() {
    python.stop();
    read();
    ask();
    show();
  }
  function read() {
    const { rows, numbers } = get("race");
    const values = floats(numbers);
    runs = rows.map((row, i) => {
      const from = 3 * (last + 1) * i;
      const path = Array.from({ length: row.points }, (_, k) => [...values.subarray(from + 3 * k, from + 3 * k + 3)]);
      return { ...row, path };
    });
    root.runs = runs; // for those who look from outside, the tests for one
  }

  // The controls.
  const surface = el("select", { onchange: () => change("surface", surface.value) },
    ...Object.entries(map.surfaces).map(([name, { label }]) => el("option", { value: name }, label)));
  const round = (value) => Number(value.toPrecision(3));
  const lr = dial("Learning rate (lr)", ranges.lr, {
    toSlider: Math.log10, fromSlider: (n) => Math.min(ranges.lr[1], Math.max(ranges.lr[0], round(10 ** n))), commit: (value) => change("lr", value),
  });
  const momentum = dial("Momentum (of Momentum and Nesterov)", ranges.momentum, {
    toSlider: (n) => n, fromSlider: (n) => Math.round(n * 100) / 100, commit: (value) => change("momentum", value),
  });
  const notice = el("p", { class: "cw-computing", role: "status" });
  const tell = (text) => {
    setText(notice, text);
    root.toggleAttribute("data-busy", Boolean(text));
  };

  // The pictures.
  const [reachX, reachY] = map.reach;
  const toMap = (x, y, width, height) => [((x + reachX) / (2 * reachX)) * width, ((reachY - y) / (2 * reachY)) * height];
  let ground = {};
  const place = drawing(reachX / reachY, (context, width, height) => {
    const name = get("race").setting.surface;
    const pixels = [context.canvas.width, context.canvas.height];
    if (ground.key !== `${name} ${pixels}`) ground = { key: `${name} ${pixels}`, image: contours(map, map.surfaces[name], ...pixels) };
    context.putImageData(ground.image, 0, 0);
    const [x, y] = toMap(...map.bottom, width, height);
    polyline(context, [[x - 7, y], [x + 7, y]], "#000");
    polyline(context, [[x, y - 7], [x, y + 7]], "#000");
    const heads = [];
    drawn().forEach(([number, run]) => {
      const shown = run.diverged ? upTo(run).slice(0, run.left + 1) : upTo(run); // no zigzag of what never comes back
      const points = shown.map(([px, py]) => toMap(px, py, width, height));
      polyline(context, points, COLOURS[number]);
      points.slice(0, Math.floor(at) + 1).forEach(([px, py]) => {
        context.fillStyle = COLOURS[number];
        context.fillRect(px - 1.5, py - 1.5, 3, 3);
      });
      if (!gone(run)) heads.push([number, ...points.at(-1)]);
    });
    heads.forEach(([number, hx, hy]) => marker(context, number, hx, hy, 7));
    const [sx, sy] = toMap(...(drag ?? get("start")), width, height);
    context.strokeStyle = "#000";
    context.lineWidth = 2;
    context.strokeRect(sx - 8, sy - 8, 16, 16);
  }, { tabindex: 0, role: "application", class: "cw-place" });
  const plot = drawing(reachX / reachY, (context, width, height) => {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    const top = Math.ceil(Math.log10(10 * Math.max(...runs.map((run) => run.path[0][2]), 1)));
    const inside = { left: 46, right: width - 8, top: 8, bottom: height - 34 };
    const toX = (k) => inside.left + (k / last) * (inside.right - inside.left);
    const toY = (loss) => {
      const power = Math.max(Math.log10(Math.max(loss, 1e-30)), LOWEST);
      return inside.bottom - ((power - LOWEST) / (top - LOWEST)) * (inside.bottom - inside.top);
    };
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = "#333";
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let power = LOWEST; power <= top; power += 2) {
      polyline(context, [[inside.left, toY(10 ** power)], [inside.right, toY(10 ** power)]], "#ddd", 1);
      context.fillText(`10${raised(power)}`, inside.left - 5, toY(10 ** power));
    }
    context.textAlign = "center";
    for (let k = 0; k <= last; k += 20) context.fillText(k, toX(k), inside.bottom + 11);
    context.fillText("step", (inside.left + inside.right) / 2, height - 8);
    polyline(context, [[toX(at), inside.top], [toX(at), inside.bottom]], "#888", 1);
    context.save();
    context.beginPath();
    context.rect(inside.left - 8, inside.top - 8, width, inside.bottom - inside.top + 16);
    context.clip();
    drawn().forEach(([number, run]) => {
      const points = upTo(run).map(([, , loss], k, all) => [toX(k === all.length - 1 && !gone(run) ? at : k), toY(loss)]);
      polyline(context, points, COLOURS[number]);
      if (!gone(run)) marker(context, number, ...points.at(-1), 6);
    });
    context.restore();
  });

  const drawn = () => runs.map((run, number) => [number, run]).filter(([, run]) => get("shown").includes(run.name));
  const gone = (run) => run.diverged && at > run.points - 1;
  /** The points of a run up to now, the last one between two steps. */
  function upTo(run) {
    const k = Math.min(Math.floor(at), run.points - 1);
    const points = run.path.slice(0, k + 1);
    const share = at - k;
    if (share > 0 && k + 1 < run.points) {
      points.push(run.path[k].map((value, i) => value + share * (run.path[k + 1][i] - value)));
    }
    return points;
  }

  // The player.
  const play = el("button", { type: "button", class: "cw-primary", onclick: () => (playing === null ? start() : stop()) }, "Play");
  const jump = (to) => {
    stop();
    at = Math.max(0, Math.min(last, to));
    keep();
    show();
  };
  const back = el("button", { type: "button", onclick: () => jump(Math.ceil(at) - 1) }, "One step back");
  const forth = el("button", { type: "button", onclick: () => jump(Math.floor(at) + 1) }, "One step");
  const whole = el("button", { type: "button", onclick: () => jump(last) }, "Whole paths");
  const time = el("input", { type: "range", min: 0, max: last, step: 1, "aria-label": "Step", oninput: () => jump(Number(time.value)) });
  const count = el("output");
  function keep() {
    model.set("step", Math.floor(at));
    save();
  }
  function start() {
    if (calm) return jump(last);
    if (at >= last) at = 0;
    playing = performance.now();
    requestAnimationFrame(frame);
    show();
  }
  function stop() {
    if (playing === null) return;
    playing = null;
    keep();
    show();
  }
  function frame(now) {
    if (playing === null) return;
    if (!root.isConnected) return stop();
    at = Math.min(last, at + (Math.max(0, now - playing) / 1000) * PER_SECOND);
    playing = now;
    if (at >= last) stop();
    else requestAnimationFrame(frame);
    draw();
  }

  // The legend is the table: what each optimizer is doing.
  const lines = get("race").rows.map(({ name }, number) => {
    const sign = el("canvas", { width: 36, height: 36, "aria-hidden": "true" });
    const context = sign.getContext("2d");
    context.scale(2, 2);
    marker(context, number, 9, 9, 7);
    const box = el("input", {
      type: "checkbox",
      onchange: () => {
        const names = get("race").rows.map((row) => row.name);
        setShown(names.filter((other) => (other === name ? box.checked : get("shown").includes(other))));
      },
    });
    const cells = { now: el("td", { class: "cw-number" }), note: el("td") };
    const row = el("tr", {}, el("th", { scope: "row" }, el("label", {}, box, sign, name)), cells.now, cells.note);
    return { name, box, row, ...cells };
  });
  const now = el("th", { scope: "col" });
  const table = el("table", { class: "cw-standing" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Optimizer"), now,
      el("th", { scope: "col" }, "What happened"))),
    el("tbody", {}, ...lines.map((line) => line.row)));
  const setShown = (names) => {
    model.set("shown", names);
    save();
    show();
  };
  const all = el("button", { type: "button", onclick: () => setShown(lines.map((line) => line.name)) }, "Show all");
  const none = el("button", { type: "button", onclick: () => setShown([]) }, "Hide all");
  const reading = el("p", { class: "cw-reading", role: "status" });

  root.append(
    el("div", { class: "cw-row cw-controls" }, el("label", {}, el("span", {}, "Valley"), surface), lr.node, momentum.node),
    notice,
    el("div", { class: "cw-stage" },
      el("figure", {}, el("figcaption", {}, "The map: + is the bottom, the square is the start (drag it, or use the arrow keys)"), place.node),
      el("figure", {}, el("figcaption", {}, "The loss: each line is a hundredth of the one above"), plot.node)),
    el("div", { class: "cw-row cw-player" }, calm ? null : play, back, forth, whole, time, count),
    reading,
    el("div", { class: "cw-scrolls", tabindex: 0, role: "region", "aria-label": "What each optimizer does" }, table),
    el("div", { class: "cw-row" }, all, none));

  // The start is dragged, or moved with the arrow keys.
  const clamp = ([x, y]) => [x, y].map((n, i) => Math.round(100 * Math.max(-map.reach[i], Math.min(map.reach[i], n))) / 100);
  const under = (event) => {
    const box = place.node.getBoundingClientRect();
    return clamp([((event.clientX - box.left) / box.width) * 2 * reachX - reachX, reachY - ((event.clientY - box.top) / box.height) * 2 * reachY]);
  };
  const pull = (event) => {
    drag = under(event);
    show();
  };
  dragged(place.node, (event) => drag && pull(event), pull);
  place.node.addEventListener("pointerup", () => {
    if (drag) change("start", drag);
    drag = null;
    show();
  });
  place.node.addEventListener("pointercancel", () => {
    drag = null;
    show();
  });
  place.node.addEventListener("keydown", (event) => {
    const by = arrowOf(event);
    if (!by && event.key !== "Escape") return;
    event.preventDefault();
    drag = null;
    const [x, y] = get("start");
    change("start", by ? clamp([x + by[1] / 10, y - by[0] / 10]) : [...map.start]);
  });

  let told = "";
  function draw() {
    place.paint();
    plot.paint();
    const step = Math.floor(at);
    time.value = step;
    count.textContent = `step ${step} of ${last}`;
    const { summary, setting: { surface: name, lr: rate } } = get("race");
    const key = `${step} ${summary} ${rate}`;
    if (told === key) return;
    told = key;
    now.textContent = `Loss, step ${step}`;
    lines.forEach(({ now: here, note }, number) => {
      const run = runs[number];
      const loss = (k) => (k < run.points ? Number(run.path[k][2].toPrecision(2)).toExponential(1).replace("-", "−") : "none");
      here.textContent = loss(step);
      note.textContent = at >= last || (run.diverged && at >= run.left) ? run.note : "on its way";
    });
    place.node.setAttribute("aria-label",
      `Map of the paths: ${map.surfaces[name].label}, lr ${formatNumber(rate)}, step ${step} of ${last}. Arrow keys move the start, Escape puts it back.`);
    plot.node.setAttribute("aria-label", `The loss of each optimizer over the steps. ${summary}`);
  }
  function show() {
    surface.value = get("surface");
    lr.show(get("lr"));
    momentum.show(get("momentum"));
    lines.forEach(({ name, box }) => (box.checked = get("shown").includes(name)));
    play.textContent = playing === null ? "Play" : "Pause";
    time.setAttribute("aria-valuetext", `step ${Math.floor(at)} of ${last}`);
    const text = at >= last ? get("race").summary : "Which will be lowest after the last step? Decide, then press Play.";
    const said = calm ? get("race").summary : text;
    if (playing === null && reading.textContent !== said) reading.textContent = said;
    repaint();
  }

  const repaint = painter(draw);
  const follow = () => {
    ask();
    show();
  };
  const jumped = () => {
    if (playing !== null || get("step") === Math.floor(at)) return;
    at = get("step");
    show();
  };
  const heard = [...SETTINGS.map((name) => [name, follow]), ["shown", show], ["race", receive], ["step", jumped]];
  heard.forEach(([name, f]) => model.on(`change:${name}`, f));
  const resized = new ResizeObserver(repaint);
  resized.observe(place.node);
  read();
  show();
  draw();
  return () => {
    stop();
    python.stop();
    resized.disconnect();
    heard.forEach(([name, f]) => model.off(`change:${name}`, f));
  };
}

export default { render };
