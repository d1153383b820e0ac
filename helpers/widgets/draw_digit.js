const SIDE = 28;
const CELL = 56; // pixels of the screen that a feature map is shown with
const GAP = 4;
const BRUSH = 2; // pixels from the middle of a stroke to where it ends; the last one fades
const LARGEST_FLOAT = 3.4028234663852886e38;

// ---- a net of common layers, as torch computes it in eval mode -------------------------------------------------------
// Each layer takes numbers, its settings and the shape [channels, height, width] that it is given, and returns numbers.

/** The places of an output of `count` whose tap lies in the input: from `first` up to, not including, `last`. */
function inside(count, size, stride, offset) {
  const first = Math.max(0, Math.ceil(-offset / stride));
  return [first, Math.max(first, Math.min(count, Math.floor((size - 1 - offset) / stride) + 1))];
}

/** For each filter, add its channels, shifted, once per weight: passes over whole rows. */
function convolution(x, layer, [channels, h, w]) {
  const { weight, bias, kernel_size: [kh, kw], stride: [sh, sw], padding: [top, left], dilation: [dh, dw], groups } = layer;
  const [filters, height, width] = layer.shape;
  const out = new Float32Array(filters * height * width);
  const sums = new Float64Array(height * width);
  const deep = channels / groups;
  for (let filter = 0, i = 0; filter < filters; filter++) {
    const from = Math.floor(filter / (filters / groups)) * deep;
    sums.fill(bias ? bias[filter] : 0);
    for (let channel = from; channel < from + deep; channel++) {
      for (let a = 0; a < kh; a++) {
        const [r0, r1] = inside(height, h, sh, a * dh - top);
        for (let b = 0; b < kw; b++) {
          const factor = weight[i++];
          const [c0, c1] = inside(width, w, sw, b * dw - left);
          for (let r = r0; r < r1; r++) {
            let at = (channel * h + r * sh + a * dh - top) * w + c0 * sw + b * dw - left;
            const end = r * width + c1;
            for (let to = r * width + c0; to < end; to++, at += sw) sums[to] += factor * x[at];
          }
        }
      }
    }
    out.set(sums, filter * height * width);
  }
  return out;
}

/** The largest number that each window sees, or the mean; nan stays nan. */
const pooling = (max) => (x, layer, [channels, h, w]) => {
  const { kernel_size: [kh, kw], stride: [sh, sw], padding: [top, left], dilation: [dh, dw] } = layer;
  const { shape: [, height, width], count_include_pad: rim, divisor_override: divisor } = layer;
  const out = new Float32Array(channels * height * width);
  for (let channel = 0, to = 0; channel < channels; channel++) {
    for (let y = -top; y < height * sh - top; y += sh) {
      for (let z = -left; z < width * sw - left; z += sw, to++) {
        let result = max ? -Infinity : 0;
        let count = 0;
        for (let row = y; row < y + kh * dh; row += dh) {
          for (let column = z; column < z + kw * dw; column += dw) {
            if (row < 0 || row >= h || column < 0 || column >= w) continue;
            const value = x[(channel * h + row) * w + column];
            if (!max) result += value;
            else if (value > result || value !== value) result = value;
            count++;
          }
        }
        if (!max && rim) count = (Math.min(y + kh, h + top) - y) * (Math.min(z + kw, w + left) - z);
        out[to] = max ? result : result / (divisor ?? (count || 1));
      }
    }
  }
  return out;
};

function linear(x, { weight, bias }) {
  const out = new Float32Array(weight.length / x.length);
  for (let row = 0, i = 0; row < out.length; row++) {
    let sum = bias ? bias[row] : 0;
    for (let column = 0; column < x.length; column++) sum += weight[i++] * x[column];
    out[row] = sum;
  }
  return out;
}

function softmax(x) {
  const largest = Math.max(...x);
  const powers = Float64Array.from(x, (value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (value) => value / sum);
}

function logSoftmax(x) {
  const largest = Math.max(...x);
  const rest = Math.log(x.reduce((sum, value) => sum + Math.exp(value - largest), 0));
  return x.map((value) => value - largest - rest);
}

const LAYERS = {
  Conv2d: convolution,
  MaxPool2d: pooling(true),
  AvgPool2d: pooling(false),
  BatchNorm2d: (x, { weight, bias }, [channels]) => x.map((value, i) => {
    const channel = Math.floor((i * channels) / x.length);
    return weight[channel] * value + bias[channel];
  }),
  Linear: linear,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  ReLU: (x) => x.map((value) => (value < 0 ? 0 : value)),
  LeakyReLU: (x, { negative_slope: slope }) => x.map((value) => (value < 0 ? slope * value : value)),
  Tanh: (x) => x.map(Math.tanh),
  Sigmoid: (x) => x.map((value) => 1 / (1 + Math.exp(-value))),
  Flatten: (x) => x,
  Identity: (x) => x,
  Dropout: (x) => x,
  Dropout2d: (x) => x,
};

/** What each layer gives for the pixels, one after the other. */
function forward({ layers, mean, std }, pixels) {
  let x = pixels.map((value) => (value - mean) / std);
  let shape = [1, SIDE, SIDE];
  return layers.map((layer) => {
    x = LAYERS[layer.kind](x, layer, shape);
    shape = layer.shape;
    return x;
  });
}

/** What Python says about such pixels, as it would say it. */
function answerOf({ net, shown, hidden }, pixels) {
  const outputs = forward(net, pixels);
  const logits = outputs.at(-1);
  if (!logits.every(Number.isFinite)) return { error: "the model gives nan or an infinite number: train it again with a smaller lr." };
  const layers = shown.map(({ name, count }, i) => {
    const [channels, ...sides] = net.layers[i].shape;
    const data = outputs[i].slice(0, count * sides[0] * sides[1]);
    let [low, high] = [Infinity, -Infinity];
    for (let at = 0; at < data.length; at++) {
      if (!Number.isFinite(data[at])) data[at] = Number.isNaN(data[at]) ? 0 : Math.sign(data[at]) * LARGEST_FLOAT;
      low = Math.min(low, data[at]);
      high = Math.max(high, data[at]);
    }
    return { name, count, sides, shape: [channels, ...sides], low, high, data };
  });
  return { probabilities: [...softmax(logits)], layers, hidden };
}

// ---- the widget ------------------------------------------------------------------------------------------------------

const same = (one, other) => other !== null && one.every((value, i) => value === other[i]);

/** Put ink on `pixels` along the line between two places, (x, y) each, in pixels. Returns whether anything changed. */
function stroke(pixels, [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const long = dx * dx + dy * dy;
  let changed = false;
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const [px, py] = [column + 0.5 - x0, row + 0.5 - y0];
      const along = long ? Math.max(0, Math.min(1, (px * dx + py * dy) / long)) : 0;
      const away = Math.hypot(px - along * dx, py - along * dy);
      const ink = Math.fround(Math.round(255 * Math.max(0, Math.min(1, BRUSH - away))) / 255);
      if (ink > pixels[row * SIDE + column]) {
        pixels[row * SIDE + column] = ink;
        changed = true;
      }
    }
  }
  return changed;
}

function render({ model, el: host }) {
  const root = mount(host, model, "Draw a digit");
  root.classList.add("draw-digit");
  const get = (name) => model.get(name);
  const save = saver(model);
  let pixels = floats(get("pixels"));
  let cursor = [14, 14]; // row, column
  let pen = null; // where the pen is while it draws
  let sent = null; // what Python was last given from here
  let computed = null; // the browser's own answer about the pixels
  const python = patience(() => (guess.textContent = `${SILENCE} Your drawing is kept.`));
  let changes = 0; // of the drawing, by hand

  // The drawing.
  const canvas = el("canvas", { tabindex: 0, role: "application", class: "dd-canvas" });
  const frame = el("div", { class: "dd-cursor", "aria-hidden": "true" });
  const place = el("p", { class: "cw-hidden", role: "status" });
  const clear = el("button", { type: "button", onclick: wipe }, "Clear");
  const keys = el("p", { class: "dd-keys", id: uniqueId("keys") },
    "Draw with the mouse or a finger, large and in the middle. By keyboard: arrow keys move the cursor, with Shift they draw a line; Space or Enter draws a dot, Delete clears.");
  canvas.setAttribute("aria-describedby", keys.id);

  // The answers.
  const guess = el("p", { class: "dd-guess", role: "status" });
  const error = el("p", { class: "cw-error", role: "alert", hidden: true });
  const bars = Array.from({ length: 10 }, (_, digit) => {
    const [sign, fill, number] = [el("span", { class: "dd-sign" }), el("span", { class: "dd-fill" }), el("span", { class: "dd-number" })];
    return { node: el("li", {}, sign, el("span", {}, String(digit)), el("span", { class: "dd-bar", "aria-hidden": "true" }, fill), number), sign, fill, number };
  });
  const layers = el("div");
  const hidden = el("p", { class: "dd-hidden" });
  const scale = el("p", { class: "dd-scale" }, "Blue is negative, white is zero, red is positive; each layer has its own scale.");
  root.append(
    el("div", { class: "dd-stage" },
      el("div", {}, el("div", { class: "dd-board" }, canvas, frame), clear),
      el("div", { class: "dd-answer" }, guess, error, el("ol", { class: "dd-bars", "aria-label": "Probability of each digit" }, ...bars.map((bar) => bar.node)))),
    keys, place, el("h4", {}, "Feature maps"), scale, layers, hidden);

  let told; // what Python says: its answer, or the net with which the browser computes it
  function hear() {
    told = get("_seen");
    computed = null;
    if (!told.net) return;
    const layers = told.net.layers.map((layer) => {
      const numbers = ["weight", "bias"].filter((name) => name in layer).map((name) => [name, floats(layer[name])]);
      return { ...layer, ...Object.fromEntries(numbers) };
    });
    told = { ...told, net: { ...told.net, layers } };
  }
  const answer = () => (told.net ? (computed ??= answerOf(told, pixels)) : told);
  const known = () => same(pixels, floats(told.net ? get("pixels") : told.pixels));

  /** Give Python the newest pixels. Where it must answer: not before it has answered about older ones. */
  function send() {
    if (python.waiting || known()) return;
    sent = pixels.slice();
    model.set("pixels", new DataView(sent.buffer));
    if (told.net) return save();
    python.wait(() => model.save_changes());
  }
  function receive() {
    python.stop();
    hear();
    repaint();
    send();
  }
  function changed() {
    root.setAttribute("data-waiting", ++changes); // until the answer about these pixels is painted
    computed = null;
    repaint();
    send();
  }
  function draw(from, to) {
    if (stroke(pixels, from, to)) changed();
  }
  function wipe() {
    pixels = new Float32Array(SIDE * SIDE);
    changed();
  }
  function follow() {
    const given = floats(get("pixels"));
    if (same(given, sent)) return; // an echo: the drawing may have gone on since
    sent = computed = null;
    pixels = given;
    repaint();
  }

  // By mouse and finger.
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };
  dragged(canvas, (event) => {
    const to = under(event);
    draw(pen, to);
    pen = to;
  }, (event) => {
    pen = under(event);
    draw(pen, pen);
  });

  // By keyboard.
  const middle = () => [cursor[1] + 0.5, cursor[0] + 0.5];
  canvas.addEventListener("keydown", (event) => {
    if (isCommand(event)) return;
    const by = arrowOf(event);
    if (by) {
      const from = middle();
      cursor = cursor.map((n, i) => Math.max(0, Math.min(SIDE - 1, n + by[i])));
      if (event.shiftKey) draw(from, middle());
    } else if (event.key === " " || event.key === "Enter") draw(middle(), middle());
    else if (event.key === "Delete" || event.key === "Backspace") wipe();
    else return;
    event.preventDefault();
    repaint();
    place.textContent = `Row ${cursor[0]}, column ${cursor[1]}, ink ${formatNumber(pixels[cursor[0] * SIDE + cursor[1]], 2)}.`;
  });

  // One figure for each layer, made anew only when the layers are others; one canvas for its maps, because many are slow.
  let figures = { key: "", list: [] };
  function figuresOf(shown) {
    const key = JSON.stringify(shown.map(({ name, shape }) => [name, shape]));
    if (key === figures.key) return figures.list;
    const list = shown.map(({ name, shape: [channels, height, width], count }) => {
      const maps = el("canvas", { class: "dd-maps", role: "img" });
      const range = el("span", { class: "dd-range" });
      const left = channels > count ? `, the first ${count} shown` : "";
      const title = `${name}: ${channels} ${channels === 1 ? "map" : "maps"} of ${height} × ${width}${left}`;
      return { node: el("figure", {}, el("figcaption", {}, title, range), maps), maps, range, title };
    });
    figures = { key, list };
    layers.replaceChildren(...list.map((one) => one.node));
    return list;
  }
  const one = document.createElement("canvas"); // a map, before it is enlarged
  let room = 600; // for a row of maps, pixels
  function paintMaps(maps, { data, count, sides: [rows, columns], low, high }) {
    const values = floats(data);
    const limit = Math.max(-low, high) || 1;
    const across = Math.max(1, Math.min(count, Math.floor((room + GAP) / (CELL + GAP))));
    const fine = Math.ceil(window.devicePixelRatio || 1);
    const [width, height] = [across, Math.ceil(count / across)].map((n) => (n * (CELL + GAP) - GAP) * fine);
    if (maps.width !== width || maps.height !== height) {
      Object.assign(maps, { width, height });
      maps.style.width = `${width / fine}px`;
    }
    const context = maps.getContext("2d");
    context.imageSmoothingEnabled = Math.max(rows, columns) > CELL * fine;
    for (let k = 0; k < count; k++) {
      paint(one, values.subarray(k * rows * columns, (k + 1) * rows * columns), rows, columns, { low: -limit, high: limit, signed: true });
      const [x, y] = [k % across, Math.floor(k / across)].map((n) => n * (CELL + GAP) * fine);
      context.drawImage(one, x, y, CELL * fine, CELL * fine);
    }
  }

  let painted = null;
  function show() {
    paint(canvas, pixels, SIDE, SIDE);
    const ink = pixels.reduce((sum, value) => sum + value, 0);
    canvas.setAttribute("aria-label", `Drawing, 28 × 28 pixels${ink ? "" : ", empty"}`);
    Object.assign(frame.style, { left: `${(cursor[1] / SIDE) * 100}%`, top: `${(cursor[0] / SIDE) * 100}%` });
    const seen = answer();
    if (told.net || known()) root.removeAttribute("data-waiting");
    if (painted === seen) return;
    painted = root.seen = seen; // there for those who look from outside, the tests for one
    setText(error, seen.error ?? "");
    error.hidden = !seen.error;
    root.toggleAttribute("data-failed", Boolean(seen.error));
    const chances = seen.probabilities ?? Array(10).fill(NaN);
    const best = chances.indexOf(Math.max(...chances));
    const said = seen.error ? "No answer." : `The model says ${best}, with probability ${chances[best].toFixed(3)}.`;
    setText(guess, said);
    bars.forEach(({ node, sign, fill, number }, digit) => {
      node.classList.toggle("dd-best", digit === best);
      sign.textContent = digit === best ? "▶" : "";
      fill.style.transform = `scaleX(${chances[digit] || 0})`;
      number.textContent = Number.isNaN(chances[digit]) ? "–" : chances[digit].toFixed(3);
    });
    const shown = seen.layers ?? [];
    figuresOf(shown).forEach(({ maps, range, title }, i) => {
      paintMaps(maps, shown[i]);
      range.textContent = `${formatNumber(shown[i].low, 3)} to ${formatNumber(shown[i].high, 3)}`;
      maps.setAttribute("aria-label", `${title}, from ${range.textContent}`);
    });
    const more = seen.hidden ? `${seen.hidden} more layers are not shown.` : "";
    hidden.textContent = seen.error || shown.length ? more : "No layer of this model gives feature maps (a tensor with 4 axes).";
  }
  const repaint = painter(show);

  const heard = [["pixels", follow], ["_seen", receive]];
  heard.forEach(([name, f]) => model.on(`change:${name}`, f));
  const resized = new ResizeObserver(() => {
    room = layers.clientWidth;
    painted = null;
    repaint();
  });
  resized.observe(layers);
  hear();
  show();
  send();
  return () => {
    python.stop();
    resized.disconnect();
    heard.forEach(([name, f]) => model.off(`change:${name}`, f));
  };
}

export default { render };
