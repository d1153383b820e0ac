const MOST_PIXELS = 1e9; // of a field or a jump, as in helpers/shapes.py
const HEADS = { out_channels: "channels", kernel_size: "kernel", stride: "stride", padding: "padding", dilation: "dilation" };
// What the button "Add" offers: a kind, and the settings that differ from its usual ones.
const PRESETS = [
  ["Convolution 3 × 3", "conv", {}],
  ["Convolution with stride 2", "conv", { stride: 2 }],
  ["Convolution with dilation 2", "conv", { dilation: 2 }],
  ["Max pooling 2 × 2", "max_pool", { kernel_size: 2, stride: 2 }],
  ["Average pooling 2 × 2", "avg_pool", { kernel_size: 2, stride: 2 }],
  ["ReLU", "relu", {}],
  ["Global average pooling", "global_pool", {}],
];

// ---- sizes and fields: the same sums as in layer_stack.py ------------------------------------------------------------

/** A layer as torch writes it. */
function written(layer, channels) {
  if (layer.kind === "relu") return "ReLU()";
  if (layer.kind === "global_pool") return "AdaptiveAvgPool2d(1)";
  const conv = layer.kind === "conv";
  const usual = [["stride", conv ? 1 : layer.kernel_size], ["padding", 0], ["dilation", 1]];
  const others = usual.filter(([name, value]) => name in layer && layer[name] !== value).map(([name]) => `${name}=${layer[name]}`);
  const name = { conv: "Conv2d", max_pool: "MaxPool2d", avg_pool: "AvgPool2d" }[layer.kind];
  return `${name}(${[...(conv ? [channels, layer.out_channels] : []), layer.kernel_size, ...others].join(", ")})`;
}

/** [kernel_size, stride, padding, dilation, output size, bins] along an axis of `side` pixels, or a sentence. */
function axisOf(layer, side) {
  if (layer.kind === "relu") return [1, 1, 0, 1, side, false];
  if (layer.kind === "global_pool") return [side, 1, 0, 1, 1, false];
  const { kernel_size: k, stride: s, padding: p, dilation: d = 1 } = layer;
  if (layer.kind !== "conv" && p > Math.floor(k / 2)) return `padding must be at most half of kernel_size ${k}, got ${p}`;
  const reach = reachOf(k, d);
  if (reach > side + 2 * p) {
    return `kernel_size ${k} with dilation ${d} spans ${reach} pixels, but size ${side} with padding ${p} per side has ` +
      `only ${side + 2 * p}: use a smaller kernel or more padding`;
  }
  return [k, s, p, d, Math.floor((side + 2 * p - reach) / s) + 1, false];
}

/** The rows of the table, the input first, up to the layer that does not fit; and why it does not. */
function analyse(layers, size) {
  const rows = [{ name: "input", shape: size, parameters: 0, macs: 0, axes: null, size: [1, 1], jump: [1, 1], start: [0, 0], note: "" }];
  for (const layer of layers) {
    const before = rows.at(-1);
    const [channels, ...sides] = before.shape;
    const name = written(layer, channels);
    const refuse = (why) => ({ rows, problem: `Layer ${rows.length}, ${name}, does not fit: ${why}.` });
    const axes = sides.map((side) => axisOf(layer, side));
    const wrong = axes.find((axis) => typeof axis === "string");
    if (wrong) return refuse(wrong);
    const row = { name, shape: [layer.out_channels ?? channels, axes[0][4], axes[1][4]], parameters: 0, macs: 0, axes, note: "" };
    if (layer.kind === "conv") {
      const weights = channels * layer.out_channels * layer.kernel_size ** 2;
      row.parameters = weights + layer.out_channels;
      row.macs = weights * row.shape[1] * row.shape[2];
    }
    row.size = axes.map(([k, , , d], axis) => before.size[axis] + (k - 1) * d * before.jump[axis]);
    row.jump = axes.map(([, s], axis) => before.jump[axis] * s);
    row.start = axes.map(([k, , p, d], axis) => before.start[axis] + (((k - 1) * d) / 2 - p) * before.jump[axis]);
    if ([...row.size, ...row.jump].some((value) => value > MOST_PIXELS)) {
      return refuse("its field or its jump would be more than a billion input pixels");
    }
    rows.push(row);
  }
  return { rows, problem: "" };
}

/** The input positions along one axis that position `index` of row `last` depends on, in order. */
function reach(rows, last, axis, index) {
  let seen = new Set([index]);
  for (let i = last; i > 0; i--) {
    const [k, s, p, d, count, bins] = rows[i].axes[axis];
    const side = rows[i - 1].shape[1 + axis];
    const next = new Set();
    for (const at of seen) {
      if (bins) {
        const end = Math.ceil(((at + 1) * side) / count);
        for (let place = Math.floor((at * side) / count); place < end; place++) next.add(place);
      } else {
        for (let tap = 0; tap < k; tap++) {
          const place = at * s - p + tap * d;
          if (place >= 0 && place < side) next.add(place);
        }
      }
    }
    seen = next;
  }
  return [...seen].sort((a, b) => a - b);
}

/** What is no stack of maps is shown as one row of numbers. */
const mapSize = (shape) => (shape.length === 3 ? [shape[1], shape[2]] : [1, shape.reduce((a, b) => a * b, 1)]);

// ---- how it is written -----------------------------------------------------------------------------------------------

const thousands = (value) => (value === null ? "—" : value.toLocaleString("en"));
const number = (value) => String(value).replace("-", "−");
/** One value for both axes, or height × width; both are given for maps that are not square. */
const both = (pair) => (pair ? (pair[0] === pair[1] ? number(pair[0]) : pair.map(number).join(" × ")) : "—");
const fromTo = (places) => (places.length === 1 ? `${places[0]}` : `${places[0]} to ${places.at(-1)}`);

// ---- the widget ------------------------------------------------------------------------------------------------------

function render({ model, el: host }) {
  const root = mount(host, model, "Layer stack");
  root.classList.add("layer-stack");
  const save = saver(model);
  const kinds = model.get("_kinds");
  const numbers = model.get("_numbers");
  const limits = model.get("_limits");
  const settings = Object.keys(numbers);
  const own = model.get("_model_rows").length > 0; // a model of the learner's, not to be edited
  const layers = () => model.get("layers");
  const inputSize = () => model.get("input_size");

  let rows = [];
  let problem = "";
  let place = { layer: 0, pixel: [0, 0] };

  function set(patch) {
    for (const [name, value] of Object.entries(patch)) {
      if (!equal(value, model.get(name))) model.set(name, value);
    }
    save();
    draw();
  }

  // -- fields for whole numbers; what is wrong with one stands below the table
  const wrong = el("div", { class: "ls-wrong" });
  function bareField(label, range, commit) {
    const field = wholeField(label, range, commit);
    field.input.setAttribute("aria-label", label);
    wrong.append(field.error);
    return field;
  }

  // -- the input's size
  const sides = ["Input channels", "Input height", "Input width"].map((label, axis) =>
    bareField(label, [1, limits.input[axis]], (value) => {
      const size = [...inputSize()];
      size[axis] = value;
      set({ input_size: size });
    }));
  const sizeFields = el("span", { class: "ls-size" }, sides[0].input, "×", sides[1].input, "×", sides[2].input);

  // -- the table
  const group = uniqueId("look");
  const body = el("tbody");
  const lines = []; // one for each row of the table, the input first

  function edit(index, change) {
    set({ layers: layers().map((layer, i) => (i === index ? { ...layer, ...change } : layer)) });
  }
  function move(index, by) {
    const next = [...layers()];
    if (!next[index] || !next[index + by]) return;
    [next[index], next[index + by]] = [next[index + by], next[index]];
    const looked = model.get("layer");
    const layer = looked === index + 1 ? looked + by : looked === index + 1 + by ? looked - by : looked;
    set({ layers: next, layer });
  }
  function remove(index) {
    const looked = model.get("layer");
    set({ layers: layers().filter((_, i) => i !== index), layer: looked > index ? looked - 1 : looked });
    (lines[Math.min(index + 1, layers().length)]?.radio ?? add).focus();
  }

  function line(index) {
    const radio = el("input", { type: "radio", name: group, onchange: () => look(index) });
    const name = el("span");
    const cells = Object.fromEntries(["shape", "parameters", "macs", "size", "jump", "start"].map((key) => [key, el("td")]));
    const head = el("th", { scope: "row" }, el("label", {}, radio, name));
    const fields = {};
    const places = own ? [] : settings.map((setting) => {
      const field = bareField(`Layer ${index}, ${HEADS[setting]}`, numbers[setting], (value) => edit(index - 1, { [setting]: value }));
      fields[setting] = field;
      return el("td", { class: "ls-setting" }, field.input);
    });
    const button = (text, onclick) => el("button", { type: "button", class: "ls-button", onclick }, text);
    const step = (by) => {
      move(index - 1, by);
      const next = lines[index + by];
      const [first, second] = by < 0 ? [next?.up, next?.down] : [next?.down, next?.up];
      (first?.disabled ? second : first)?.focus();
    };
    const up = button("↑", () => step(-1));
    const down = button("↓", () => step(1));
    const away = button("✕", () => remove(index - 1));
    const hands = own ? [] : [el("td", { class: "ls-hands" }, up, down, away)];
    const node = el("tr", {}, head, ...places, ...Object.values(cells), ...hands);
    node.addEventListener("keydown", (event) => {
      if (own || index === 0) return;
      if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
        const by = event.key === "ArrowUp" ? -1 : 1;
        if (layers()[index - 1 + by]) {
          move(index - 1, by);
          lines[index + by].radio.focus();
        }
        event.stopPropagation();
      } else if (event.key === "Delete" && event.target === radio) remove(index - 1);
      else return;
      event.preventDefault();
    }, true);
    return {
      node, radio, up, down,
      drop: () => Object.values(fields).forEach((field) => field.error.remove()),
      show() {
        const layer = index ? layers()[index - 1] : null;
        const row = rows[index];
        const title = own ? row.name : layer ? kinds[layer.kind].label : "Input";
        setText(name, index ? `${index} ${title}` : title);
        radio.checked = place.layer === index;
        radio.disabled = !row;
        radio.setAttribute("aria-label", `Look at ${index ? `layer ${index}, ${title}` : "the input"}`);
        node.classList.toggle("ls-looked", place.layer === index);
        node.classList.toggle("ls-out", !row);
        for (const setting of own ? [] : settings) {
          const used = layer && setting in layer;
          if (used) fields[setting].show(layer[setting]);
          else if (!fields[setting].input.hidden) fields[setting].restore();
          fields[setting].input.hidden = !used;
        }
        setText(cells.shape, row ? row.shape.join(" × ") : index === rows.length ? "✗ does not fit" : "not reached");
        setText(cells.parameters, row ? thousands(row.parameters) : "");
        setText(cells.macs, row ? thousands(row.macs) : "");
        for (const key of ["size", "jump", "start"]) setText(cells[key], row ? both(row[key]) : "");
        up.hidden = down.hidden = away.hidden = index === 0;
        up.disabled = index <= 1;
        down.disabled = index >= layers().length;
        for (const [hand, text] of [[up, "Move up"], [down, "Move down"], [away, "Remove"]]) {
          hand.setAttribute("aria-label", `${text}: layer ${index}`);
        }
      },
    };
  }

  const heads = [["", "layer"], ...(own ? [] : settings.map((name) => ["ls-setting", HEADS[name]])),
    ["", "output"], ["", "parameters"], ["", "MACs"], ["", "field"], ["", "jump"], ["", "start"], ...(own ? [] : [["", ""]])];
  const table = el("table", { class: "ls-table" },
    el("caption", { class: "cw-hidden" }, "The layers: settings, output, costs and receptive field"),
    el("thead", {}, el("tr", {}, ...heads.map(([kind, text]) => (text ? el("th", { scope: "col", class: kind }, text) : el("td"))))), body);
  const box = el("div", { class: "ls-box cw-scrolls", role: "region", tabindex: "0", "aria-label": "Table of layers" }, table);
  const why = el("p", { class: "cw-error ls-problem", role: "alert" });
  const totals = el("p", { class: "ls-totals" });

  // -- adding, resetting, taking the code along
  const preset = el("select", { "aria-label": "Layer to add" }, ...PRESETS.map(([text], i) => el("option", { value: i }, text)));
  const add = el("button", { type: "button", onclick: () => {
    const [, kind, change] = PRESETS[preset.value];
    const usual = Object.fromEntries(kinds[kind].settings.map((name) => [name, numbers[name][2]]));
    const at = Math.min(model.get("layer"), layers().length);
    const next = [...layers()];
    next.splice(at, 0, { kind, ...usual, ...change });
    set({ layers: next, layer: at + 1 });
  } }, "Add below the chosen layer");
  const reset = el("button", { type: "button", onclick: () => set(model.get("_start")) }, "Reset");
  const code = el("pre", { tabindex: "0", role: "region", "aria-label": "The stack as code" });
  const copied = el("span", { role: "status", class: "ls-copied" });
  const copy = el("button", { type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      copied.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(code);
      copied.textContent = "Press Ctrl+C to copy the selected code.";
    }
  } }, "Copy");
  const export_ = el("details", {}, el("summary", {}, "The stack as nn.Sequential"), code, copy, copied);

  // -- the three pictures
  function figure(kind) {
    const canvas = el("canvas", { role: "img" });
    const frame = el("div", { class: "ls-frame", "aria-hidden": "true" });
    const caption = el("figcaption");
    return { canvas, caption, frame, node: el("figure", { class: kind }, caption, el("div", { class: "ls-over" }, canvas, frame)) };
  }
  const output = figure("ls-output");
  const theory = figure("ls-theory");
  const effect = figure("ls-effect");
  const said = el("p", { class: "ls-said" });
  const voice = speaker();
  const handle = output.canvas;
  handle.tabIndex = 0;
  handle.setAttribute("role", "application");

  function look(layer) {
    // The same spot of the picture, in the map of another layer.
    const [from, to] = [mapSize(rows[place.layer].shape), mapSize(rows[layer].shape)];
    const pixel = place.pixel.map((at, axis) => Math.min(to[axis] - 1, Math.floor(((at + 0.5) * to[axis]) / from[axis])));
    set({ layer, pixel });
  }
  function point(pixel) {
    const [height, width] = mapSize(rows[place.layer].shape);
    set({ layer: place.layer, pixel: [Math.max(0, Math.min(height - 1, pixel[0])), Math.max(0, Math.min(width - 1, pixel[1]))] });
  }
  const pixelAt = (event) => {
    const rect = handle.getBoundingClientRect();
    return [Math.floor(((event.clientY - rect.top) / rect.height) * handle.height),
      Math.floor(((event.clientX - rect.left) / rect.width) * handle.width)];
  };
  dragged(handle, (event) => point(pixelAt(event)));
  handle.addEventListener("keydown", (event) => {
    const arrow = arrowOf(event);
    if (!arrow) return;
    event.preventDefault();
    const by = event.shiftKey ? 5 : 1;
    point(place.pixel.map((at, axis) => at + by * arrow[axis]));
  });

  root.append(
    el("div", { class: "cw-row ls-bar" }, own ? null : el("span", { class: "ls-input" }, "Input: channels × height × width ", sizeFields),
      own ? null : preset, own ? null : add, own ? null : reset),
    box, wrong, why, totals,
    el("div", { class: "ls-stage" }, output.node, theory.node, effect.node),
    said, ...(own ? [] : [export_]), voice.node,
    el("p", { class: "ls-hint" }, "Choose a layer in the table, then click a pixel of its output, or walk with the arrow keys. " +
      (own ? "" : "In the table, Alt and an arrow key move a layer, Delete removes it.")));

  // -- painting
  const image = model.get("image");
  const behind = image.data ? { ...image, data: floats(image.data) } : null;
  const levels = new WeakMap();
  /** Paint h × w pixels, each [red, green, blue] from `colour(row, column)`. */
  function paintColours(canvas, height, width, colour) {
    if (canvas.width !== width || canvas.height !== height || !levels.has(canvas)) {
      Object.assign(canvas, { width, height });
      const data = canvas.getContext("2d").createImageData(width, height);
      levels.set(canvas, { data, words: new Uint32Array(data.data.buffer) });
    }
    const { data, words } = levels.get(canvas);
    for (let r = 0, i = 0; r < height; r++) for (let c = 0; c < width; c++, i++) words[i] = colour(r, c);
    canvas.getContext("2d").putImageData(data, 0, 0);
  }
  /** Lay the frame around rows and columns; null hides it. */
  function lay({ frame, canvas }, rowsSeen, columnsSeen) {
    frame.hidden = !rowsSeen?.length || !columnsSeen?.length;
    if (frame.hidden) return;
    const percent = (n, whole) => `${(100 * n) / whole}%`;
    frame.style.top = percent(rowsSeen[0], canvas.height);
    frame.style.left = percent(columnsSeen[0], canvas.width);
    frame.style.height = percent(rowsSeen.at(-1) - rowsSeen[0] + 1, canvas.height);
    frame.style.width = percent(columnsSeen.at(-1) - columnsSeen[0] + 1, canvas.width);
  }

  const TINT = [[238, 238, 238], [222, 222, 222]].map((rgb) => pixelWord(...rgb));
  const CHOSEN = pixelWord(217, 95, 2);
  function drawOutput() {
    const [height, width] = mapSize(rows[place.layer].shape);
    const [row, column] = place.pixel;
    paintColours(handle, height, width, (r, c) => (r === row && c === column ? CHOSEN : TINT[(r + c) % 2]));
    lay(output, [row], [column]);
    const what = place.layer ? `layer ${place.layer}` : "the input";
    output.caption.textContent = `Output of ${what}, ${height} × ${width}`;
    handle.setAttribute("aria-label", `${output.caption.textContent}: pixel (${row}, ${column}) is chosen. Arrow keys choose another.`);
  }

  let seen = null; // {rows, columns} of the input, null where it is not known
  function drawTheory() {
    const known = rows.slice(1, place.layer + 1).every((row) => row.axes);
    const [, height, width] = rows[0].shape;
    seen = known ? { rows: reach(rows, place.layer, 0, place.pixel[0]), columns: reach(rows, place.layer, 1, place.pixel[1]) } : null;
    const inRows = new Set(seen?.rows);
    const inColumns = new Set(seen?.columns);
    const picture = behind && behind.height === height && behind.width === width ? behind.data : null;
    paintColours(theory.canvas, height, width, (r, c) => {
      const grey = picture ? 255 * picture[r * width + c] : 190 + 20 * ((r + c) % 2);
      const inside = inRows.has(r) && inColumns.has(c);
      if (inside) return pixelWord(grey * 0.45 + 140, grey * 0.45 + 90, grey * 0.45);
      const dim = picture ? grey * 0.5 : grey * 0.3;
      return pixelWord(dim, dim, dim);
    });
    lay(theory, seen?.rows, seen?.columns);
    theory.caption.textContent = known ? "Its field in theory" : "Its field in theory: not known";
    theory.canvas.setAttribute("aria-label", theory.caption.textContent);
  }

  const key = () => JSON.stringify([layers().map((layer) => Object.values(layer)), inputSize(), place.layer, place.pixel]);
  const python = patience(() => drawEffect());
  let share = null;
  function ask() {
    if (python.waiting) return; // one question at a time; the answer leads to the next
    const question = { do: "paint", layers: layers(), input_size: inputSize(), layer: place.layer, pixel: place.pixel };
    python.wait(() => model.send(question));
  }
  function drawEffect() {
    const heat = model.get("_heat");
    const now = heat.of === key();
    const [, height, width] = rows[0].shape;
    const data = now && heat.data ? floats(heat.data) : null;
    const most = data ? data.reduce((a, b) => Math.max(a, b), 0) : 0;
    effect.node.classList.toggle("ls-stale", !now);
    share = null;
    if (data) {
      paint(effect.canvas, data, height, width, { high: most || 1 });
      if (most > 0) {
        const sorted = Float64Array.from(data).sort().reverse();
        const total = sorted.reduce((a, b) => a + b, 0);
        let sum = 0;
        let count = 0;
        while (sum < total / 2) sum += sorted[count++];
        share = { count, touched: sorted.findLastIndex((value) => value > 0) + 1 };
      }
    }
    lay(effect, data && seen?.rows, data && seen?.columns);
    const error = heat.error && (now || heat.of === "") ? heat.error : "";
    effect.caption.textContent = error ? "By gradient: not painted"
      : data ? (most > 0 ? "Its field by gradient" : "By gradient: none flows to the input")
      : python.silent ? SILENCE : "By gradient: Python computes …";
    effect.canvas.setAttribute("aria-label", effect.caption.textContent);
    if (!now && !error) ask();
    say(error);
  }

  function say(error) {
    const { layer, pixel } = place;
    const [, height, width] = rows[0].shape;
    const row = rows[layer];
    const where = `Pixel (${pixel.join(", ")}) of ${layer ? `layer ${layer}, ${row.name},` : "the input"}`;
    let text = `${where} depends on `;
    if (seen && seen.rows.length && seen.columns.length) {
      const count = seen.rows.length * seen.columns.length;
      text += `${thousands(count)} of ${thousands(height * width)} input pixels: rows ${fromTo(seen.rows)}, columns ${fromTo(seen.columns)}`;
      const area = (seen.rows.at(-1) - seen.rows[0] + 1) * (seen.columns.at(-1) - seen.columns[0] + 1);
      text += area > count ? ", with holes." : ".";
      const whole = row.size?.map((side, axis) => [side, axis ? seen.columns : seen.rows]);
      if (whole?.some(([side, places]) => places.at(-1) - places[0] + 1 < side)) text += ` Its field of ${both(row.size)} reaches past the rim.`;
    } else if (seen) text += "no input pixel: its field lies in the padding.";
    else {
      const first = rows.slice(1, layer + 1).find((one) => !one.axes);
      text = `${where}: its field in theory is not known. ${first.name}: ${first.note}`;
    }
    if (share) text += ` Half of its gradient falls on ${thousands(share.count)} pixel${share.count === 1 ? "" : "s"}.`;
    if (error) text += ` The gradient: ${error}.`;
    if (row.note && seen) text += ` ${row.note}`;
    setText(said, text);
    voice.say(text);
  }

  function draw() {
    ({ rows, problem } = own ? { rows: model.get("_model_rows"), problem: "" } : analyse(layers(), inputSize()));
    const layer = Math.min(model.get("layer"), rows.length - 1);
    const size = mapSize(rows[layer].shape);
    place = { layer, pixel: model.get("pixel").map((at, axis) => Math.min(at, size[axis] - 1)) };
    const count = own ? rows.length : layers().length + 1;
    while (lines.length < count) lines.push(line(lines.length));
    for (const gone of lines.splice(count)) gone.drop();
    if (body.children.length !== count) body.replaceChildren(...lines.map(({ node }) => node));
    lines.forEach((one) => one.show());
    sides.forEach((field, axis) => field.show(inputSize()[axis]));
    setText(why, problem);
    const sum = (name) => rows.reduce((total, row) => total + (row[name] ?? 0), 0);
    totals.textContent = `${problem ? "So far" : "In all"}: ${thousands(sum("parameters"))} parameters, ${thousands(sum("macs"))} multiplications by a weight (MACs).`;
    add.disabled = count > limits.layers;
    code.textContent = problem ? `# ${problem}` : `from torch import nn\n\nmodel = nn.Sequential(\n${rows.slice(1).map((row) => `    nn.${row.name},\n`).join("")})\n`;
    if (copied.textContent) copied.textContent = "";
    drawOutput();
    drawTheory();
    drawEffect();
    root.seen = { rows, problem, place, field: seen, code: code.textContent }; // for those who look from outside, the tests for one
  }

  const answered = () => {
    python.stop();
    drawEffect();
  };
  const names = ["layers", "input_size", "layer", "pixel"].map((name) => `change:${name}`);
  const follow = painter(draw);
  names.forEach((name) => model.on(name, follow));
  model.on("change:_heat", answered);
  draw();
  return () => {
    python.stop();
    voice.stop();
    names.forEach((name) => model.off(name, follow));
    model.off("change:_heat", answered);
  };
}

export default { render };
