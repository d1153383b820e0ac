/** The picture moved around: what leaves on one side comes in on the other. */
function roll({ data, height, width }, down, right) {
  const out = new Float64Array(height * width);
  for (let i = 0; i < height; i++) {
    const to = ((i + down) % height + height) % height;
    for (let j = 0; j < width; j++) {
      out[to * width + (((j + right) % width) + width) % width] = data[i * width + j];
    }
  }
  return { data: out, height, width };
}

/** 3×3 convolution; `padding` is "none", "zero" or "circular". */
function convolve({ data, height, width }, kernel, padding, stride = 1) {
  const rim = padding === "none" ? 0 : 1;
  const h = Math.floor((height + 2 * rim - 3) / stride) + 1;
  const w = Math.floor((width + 2 * rim - 3) / stride) + 1;
  const out = new Float64Array(h * w);
  for (let i = 0; i < h; i++) {
    for (let j = 0; j < w; j++) {
      let sum = 0;
      for (let a = 0; a < 3; a++) {
        for (let b = 0; b < 3; b++) {
          let row = i * stride + a - rim;
          let column = j * stride + b - rim;
          if (padding === "circular") {
            row = (row + height) % height;
            column = (column + width) % width;
          }
          if (row >= 0 && row < height && column >= 0 && column < width) {
            sum += kernel[3 * a + b] * data[row * width + column];
          }
        }
      }
      out[i * w + j] = sum;
    }
  }
  return { data: out, height: h, width: w };
}

function maxPool({ data, height, width }) {
  const h = height / 2;
  const w = width / 2;
  const out = new Float64Array(h * w);
  for (let i = 0; i < h; i++) {
    for (let j = 0; j < w; j++) {
      const at = 2 * i * width + 2 * j;
      out[i * w + j] = Math.max(data[at], data[at + 1], data[at + width], data[at + width + 1]);
    }
  }
  return { data: out, height: h, width: w };
}

function connect({ data, height, width }, weight) {
  const n = data.length;
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += weight[i * n + j] * data[j];
    out[i] = sum / 64;
  }
  return { data: out, height, width };
}

const largestOf = (data) => data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Both paths of one setting and where they differ. */
function measure(picture, apply, stride, [down, right]) {
  const moved = [down, right].map((n) => Math.trunc(n / stride));
  const shifted = roll(picture, down, right);
  const shiftFirst = apply(shifted);
  const applied = apply(picture);
  const operationFirst = roll(applied, ...moved);
  const { height, width } = applied;
  const difference = shiftFirst.data.map((value, at) => value - operationFirst.data[at]);
  const [top, left] = [down, right].map((n) => Math.floor((Math.abs(n) + stride) / stride));
  let inside = 2 * top < height && 2 * left < width ? 0 : null;
  for (let i = top; i < height - top; i++) {
    for (let j = left; j < width - left; j++) inside = Math.max(inside, Math.abs(difference[i * width + j]));
  }
  return { moved, shifted, shiftFirst, applied, operationFirst, difference, height, width, top, left, inside,
    largest: largestOf(difference) };
}

/** Which reading is true; Python's `case` finds the same. */
function caseOf(operation, [down, right], { largest, inside }) {
  if (down === 0 && right === 0) return "still";
  if (largest === 0) {
    const even = ["stride 2", "max pooling 2"].includes(operation) && down % 2 === 0 && right % 2 === 0;
    return even || operation === "circular padding" ? "always" : "picture";
  }
  if (inside === null) return "no inside";
  return inside > 0 ? "inside" : "rim";
}

function render({ model, el: host }) {
  const root = mount(host, model, "Equivariance meter");
  root.classList.add("cw-equivariance");
  const get = (name) => model.get(name);
  const [height, width] = get("size");
  const [smallHeight, smallWidth] = get("small_size");
  const picture = { data: floats(get("pixels")), height, width };
  const small = { data: floats(get("small_pixels")), height: smallHeight, width: smallWidth };
  const kernel = floats(get("kernel"));
  const bytes = get("dense");
  const dense = new Int8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength);
  const apply = {
    "convolution": (x) => convolve(x, kernel, "none"),
    "zero padding": (x) => convolve(x, kernel, "zero"),
    "circular padding": (x) => convolve(x, kernel, "circular"),
    "stride 2": (x) => convolve(x, kernel, "circular", 2),
    "max pooling 2": maxPool,
    "fully connected": (x) => connect(x, dense),
  };

  const save = saver(model);
  function setShift(down, right) {
    const next = [down, right];
    if (next.every((n, axis) => n === get("shift")[axis])) return;
    model.set("shift", next);
    save();
  }

  // The controls.
  const select = el("select", {
    onchange: () => {
      model.set("operation", select.value);
      save();
    },
  }, ...Object.entries(get("operations")).map(([name, { label }]) => el("option", { value: name }, label)));
  const slider = (axis) =>
    el("input", {
      type: "range", min: -LARGEST_SHIFT, max: LARGEST_SHIFT, step: 1,
      oninput: (event) => {
        const next = [...get("shift")];
        next[axis] = Number(event.target.value);
        setShift(...next);
      },
    });
  const sliders = [slider(0), slider(1)];
  const values = [el("output"), el("output")];
  const controls = el("div", { class: "cw-row cw-controls" },
    el("label", {}, el("span", {}, "Operation"), select),
    el("label", {}, el("span", {}, "Shift right"), el("span", { class: "cw-slide" }, sliders[1], values[1])),
    el("label", {}, el("span", {}, "Shift down"), el("span", { class: "cw-slide" }, sliders[0], values[0])));

  // The pictures.
  function figure(kind) {
    const canvas = el("canvas", { role: "img" });
    const caption = el("figcaption");
    return { canvas, caption, node: el("figure", { class: kind }, caption, canvas) };
  }
  const [original, shifted, shiftFirst, applied, operationFirst, difference] =
    ["original", "shifted", "", "", "", "difference"].map((kind) => figure(kind));
  const inside = el("div", { class: "cw-inside" });
  const over = el("div", { class: "cw-over" });
  difference.canvas.replaceWith(over);
  over.append(difference.canvas, inside);
  const limits = [el("span"), el("span")];
  const scale = el("div", { class: "cw-scale", "aria-hidden": "true" }, limits[0], el("span", { class: "cw-bar" }), limits[1]);
  difference.node.append(scale);
  const arrow = () => el("span", { class: "cw-arrow", "aria-hidden": "true" }, "→");
  const path = (title, ...figures) =>
    el("section", { class: "cw-path", "aria-label": title }, el("h4", {}, title),
      el("div", { class: "cw-steps" }, figures[0].node, arrow(), figures[1].node));
  const reading = el("p", { class: "cw-reading", role: "status" });
  const rule = el("p", { class: "cw-rule" });
  const numbers = [el("span", { class: "cw-measure" }), el("span", { class: "cw-measure" })];
  root.append(controls,
    el("p", { class: "cw-hint" }, "You can also drag the shifted picture, or use the arrow keys on it."),
    el("div", { class: "cw-stage" },
      el("div", { class: "cw-map" },
        original.node,
        el("div", { class: "cw-paths" },
          path("Shift, then the operation", shifted, shiftFirst),
          path("The operation, then shift", applied, operationFirst)),
        difference.node)),
    reading,
    el("p", {}, "Largest difference, with the rim: ", numbers[0]),
    el("p", {}, "Largest difference inside the dashed frame: ", numbers[1]),
    rule);

  // The shifted picture can be dragged, and moved with the arrow keys.
  const handle = shifted.canvas;
  handle.setAttribute("role", "application");
  handle.tabIndex = 0;
  shiftByHand(handle, () => get("shift"), setShift);

  function draw() {
    const name = get("operation");
    const shift = get("shift");
    const { rule: sentence, stride, signed } = get("operations")[name];
    const x = name === "fully connected" ? small : picture;
    const result = measure(x, apply[name], stride, shift);
    const limit = Math.max(largestOf(result.shiftFirst.data), largestOf(result.operationFirst.data)) || 1;
    const grey = {};
    const outputs = signed ? { low: -limit, high: limit, signed: true } : grey;
    const show = (target, image, options, text) => {
      paint(target.canvas, image.data, image.height, image.width, options);
      target.caption.textContent = text;
      target.canvas.setAttribute("aria-label", text);
    };
    show(original, x, grey, "The picture");
    show(shifted, result.shifted, grey, `Shifted: ${shiftInWords(shift)}`);
    handle.setAttribute("aria-label", `The picture, shifted: ${shiftInWords(shift)}. Arrow keys move it, Escape puts it back.`);
    show(shiftFirst, result.shiftFirst, outputs, "Output");
    show(applied, result.applied, outputs, "Output");
    show(operationFirst, result.operationFirst, outputs, `Shifted: ${shiftInWords(result.moved)}`);
    const most = result.largest || 1;
    show(difference, { data: result.difference, height: result.height, width: result.width },
      { low: -most, high: most, signed: true }, "Difference");
    const percent = (n, whole) => `${(100 * n) / whole}%`;
    inside.style.display = result.inside === null ? "none" : "block";
    inside.style.inset = `${percent(result.top, result.height)} ${percent(result.left, result.width)}`;
    scale.style.visibility = result.largest ? "visible" : "hidden";
    limits[0].textContent = formatNumber(-most);
    limits[1].textContent = `+${formatNumber(most)}`;
    numbers[0].textContent = formatNumber(result.largest);
    numbers[1].textContent = result.inside === null ? "no pixel is inside" : formatNumber(result.inside);
    const found = caseOf(name, shift, result);
    const text = get("readings")[found]
      .replace("{largest}", formatNumber(result.largest))
      .replace("{inside}", formatNumber(result.inside ?? 0));
    difference.canvas.setAttribute("aria-label", `Map of the difference. ${text}`);
    setText(reading, text);
    reading.dataset.case = found;
    rule.textContent = sentence;
    select.value = name;
    sliders.forEach((input, axis) => {
      input.value = shift[axis];
      values[axis].textContent = formatNumber(shift[axis]);
    });
    root.measured = result; // for those who look from outside, the tests for one
  }

  const repaint = painter(draw);
  const names = ["change:operation", "change:shift"];
  names.forEach((name) => model.on(name, repaint));
  draw();
  return () => names.forEach((name) => model.off(name, repaint));
}

export default { render };
