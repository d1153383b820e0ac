// The window walker: a window steps over a grid of numbers. Everything is computed and painted here; Python holds the same state.

const WHOLE = { kernel_size: "Kernel size", stride: "Stride", padding: "Padding", dilation: "Dilation" };
const LARGEST_SIDE = 32;
const MODES = ["zeros", "reflect", "replicate", "circular"];
const WEIGHTS = { "ones": "1 each: the sum", "mean": "1 ÷ k²: the mean", "1, 2, 3, …": "1, 2, 3, … row by row" };
const SETTINGS = ["image", "kernel_size", "stride", "padding", "dilation", "padding_mode", "weights", "step", "pixel"];
const WRITTEN = 22; // cells of so many pixels have room for their number
const UNSEEN = 400; // width of a grid, in pixels, as long as the page has not shown the widget
const FULL_WALK = 12_000; // milliseconds
const COLOUR = { window: "#ffa64d", under: "#000", pixel: "#2f7fd6", halo: "#fff", hatch: "#2f6fb0", empty: "#f7f7f7", line: "#8a8a8a" };

// ---- what is computed ---------------------------------------------------------------------------------------------

const room = (size, k, p, d) => size + 2 * p - reachOf(k, d);
const outputSize = (size, { kernel_size: k, stride: s, padding: p, dilation: d }) => Math.floor(room(size, k, p, d) / s) + 1;
const some = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** Why these settings do not go together, in one sentence; null when they do. */
function refusal({ image, kernel_size: k, padding: p, dilation: d, padding_mode: mode }) {
  const shorter = Math.min(image.length, image[0].length);
  const refused = paddingRefusal(mode, p, shorter);
  if (refused) return refused;
  if (room(shorter, k, p, d) < 0) {
    return `Kernel size ${k} with dilation ${d} spans ${reachOf(k, d)} pixels, but the shorter side, ${shorter} with padding ${p}, has only ${shorter + 2 * p}.`;
  }
  return null;
}

/** One axis of the walk: the places each window reads, the pixel behind each place, and what is never read. */
function axisOf(size, { kernel_size: k, stride: s, padding: p, dilation: d, padding_mode: mode }) {
  const sources = Array.from({ length: size + 2 * p }, (_, at) => source(at, size, p, mode));
  const windows = Array.from({ length: Math.floor(room(size, k, p, d) / s) + 1 }, (_, i) =>
    Array.from({ length: k }, (_, a) => i * s + a * d));
  const placeRead = new Uint8Array(sources.length);
  const pixelRead = new Uint8Array(size);
  for (const at of windows.flat()) {
    placeRead[at] = 1;
    if (sources[at] >= 0) pixelRead[sources[at]] = 1;
  }
  return { sources, windows, placeRead, pixelRead };
}

function weightsOf({ weights, kernel_size: k }) {
  return Float64Array.from({ length: k * k }, (_, i) => (weights === "ones" ? 1 : weights === "mean" ? 1 / (k * k) : i + 1));
}

/** All that the settings give: the padded input, the output, and which pixels no window reads. */
function walkOf(state) {
  const [height, width] = [state.image.length, state.image[0].length];
  const [rows, columns] = [axisOf(height, state), axisOf(width, state)];
  const padded = pad({ data: Float32Array.from(state.image.flat()), height, width }, state.padding, state.padding_mode);
  const weights = weightsOf(state);
  const output = { data: new Float64Array(rows.windows.length * columns.windows.length), height: rows.windows.length, width: columns.windows.length };
  let to = 0;
  for (const rowTaps of rows.windows) {
    for (const columnTaps of columns.windows) {
      let sum = 0;
      let i = 0;
      for (const r of rowTaps) for (const c of columnTaps) sum += weights[i++] * padded.data[r * padded.width + c];
      output.data[to++] = sum;
    }
  }
  const unread = Uint8Array.from({ length: height * width }, (_, i) =>
    !(rows.pixelRead[Math.floor(i / width)] && columns.pixelRead[i % width]));
  return { height, width, rows, columns, padded, output, weights, unread };
}

/** Whether the place of the padded input is to be hatched: a pixel read nowhere, or padding that no window touches. */
function isUnread({ rows, columns, height, width, unread }, p, r, c) {
  const [y, x] = [r - p, c - p];
  if (y >= 0 && y < height && x >= 0 && x < width) return unread[y * width + x];
  return !(rows.placeRead[r] && columns.placeRead[c]);
}

/** 0 is black and the largest number white; with numbers below 0, the smallest is black. */
function scaleOf(data) {
  let [low, high] = [0, 0];
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high: high > low ? high : low + 1 };
}

/** The formula with the numbers put in: ⌊(28 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1 = … */
function formula(size, { kernel_size: k, stride: s, padding: p, dilation: d }) {
  const space = room(size, k, p, d);
  const quotient = space / s;
  const exact = Number.isInteger(quotient);
  return `⌊(${size} + 2·${p} − ${d}·(${k} − 1) − 1) / ${s}⌋ + 1 = ⌊${space} / ${s}⌋ + 1 = ` +
    `${exact ? "" : `⌊${formatNumber(quotient)}${s === 3 || s > 5 ? "…" : ""}⌋ + 1 = `}${Math.floor(quotient)} + 1 = ${Math.floor(quotient) + 1}`;
}

// ---- the parts of the page ----------------------------------------------------------------------------------------

/** A canvas of square cells. */
function board(label, help) {
  const canvas = el("canvas", { "aria-hidden": "true" });
  const node = el("div", { class: "ww-board", role: "application", tabindex: "0", "aria-roledescription": "grid", "aria-label": label, "aria-describedby": help.id }, canvas);
  const small = document.createElement("canvas"); // one pixel a cell
  const context = canvas.getContext("2d");
  const self = { node, canvas, context, cell: 1 };
  self.fit = (height, width, space, tallest) => {
    const cell = Math.min(space / width, tallest / height, 44);
    self.cell = cell >= 4 ? Math.floor(cell) : cell;
    const sharp = devicePixelRatio;
    const [w, h] = [width * self.cell, height * self.cell];
    const [pixelsWide, pixelsHigh] = [Math.round(w * sharp), Math.round(h * sharp)];
    if (canvas.width !== pixelsWide || canvas.height !== pixelsHigh) Object.assign(canvas, { width: pixelsWide, height: pixelsHigh });
    Object.assign(canvas.style, { width: `${w}px`, height: `${h}px` });
    context.setTransform(sharp, 0, 0, sharp, 0, 0);
    Object.assign(self, { height, width });
  };
  self.shade = (data, scale) => {
    paint(small, data, self.height, self.width, scale);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, self.width * self.cell, self.height * self.cell);
  };
  self.lines = () => {
    if (self.cell < 7) return;
    context.beginPath();
    for (let r = 0; r <= self.height; r++) context.rect(0, r * self.cell, self.width * self.cell, 0);
    for (let c = 0; c <= self.width; c++) context.rect(c * self.cell, 0, 0, self.height * self.cell);
    self.stroke(COLOUR.line, 0.5);
  };
  self.stroke = (colour, width, dash = []) => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.stroke();
    context.setLineDash([]);
  };
  /** Frame a rectangle of cells, on any ground: a dark line with a bright one on it. */
  self.frame = (r, c, height, width, { colour, under, thick = 2.5, dash = [], inset = 1 }) => {
    context.beginPath();
    context.rect(c * self.cell + inset, r * self.cell + inset, width * self.cell - 2 * inset, height * self.cell - 2 * inset);
    self.stroke(under, thick + 2);
    self.stroke(colour, thick, dash);
  };
  self.hatch = (places) => {
    const n = self.cell;
    context.beginPath();
    for (const [r, c] of places) {
      const [x, y] = [c * n, r * n];
      for (const part of n < 10 ? [1] : [0.5, 1, 1.5]) {
        const [a, b] = [Math.max(0, part - 1) * n, Math.min(1, part) * n];
        context.moveTo(x + a, y + b);
        context.lineTo(x + b, y + a);
      }
    }
    self.stroke(COLOUR.halo, n < 10 ? 2 : 3);
    self.stroke(COLOUR.hatch, n < 10 ? 1 : 1.5);
  };
  self.write = (r, c, text, colour, { quiet = false, note = "", halo = null } = {}) => {
    const size = Math.min(self.cell * (quiet ? 0.36 : 0.42), (1.55 * self.cell) / Math.max(2, text.length), 17);
    const font = (px, style) => `${style} ${px}px ${self.family}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = font(size, quiet ? "italic" : "");
    const [x, y] = [(c + 0.5) * self.cell, (r + (note ? 0.38 : 0.53)) * self.cell];
    if (halo) {
      context.lineJoin = "round";
      context.strokeStyle = halo;
      context.lineWidth = 4;
      context.strokeText(text, x, y);
    }
    context.fillStyle = colour;
    context.fillText(text, x, y);
    if (!note) return;
    context.font = font(Math.min(9, self.cell * 0.24), "");
    context.fillText(note, x, (r + 0.8) * self.cell);
  };
  self.at = (event) => {
    const box = canvas.getBoundingClientRect();
    const inside = (n, most) => Math.max(0, Math.min(most - 1, Math.floor(n / self.cell)));
    return [inside(event.clientY - box.top, self.height), inside(event.clientX - box.left, self.width)];
  };
  return self;
}

// ---- the widget ---------------------------------------------------------------------------------------------------

function render({ model, el: host }) {
  const root = mount(host, model, "Window walker");
  root.classList.add("window-walker");
  const save = saver(model);
  const get = (name) => model.get(name);
  const state = () => Object.fromEntries(SETTINGS.map((name) => [name, get(name)]));
  const presets = get("_presets");

  let walk = null;
  let own = false; // true while this view itself changes the model
  let memory = get("image"); // numbers that come back when a picture that was cut grows again

  /** Change settings, if they go together. Returns why not, or null. */
  function change(patch) {
    const next = { ...state(), ...patch };
    const refused = refusal(next);
    if (refused) return refused;
    pause();
    put(next);
    return null;
  }

  function put(next) {
    const [height, width] = [next.image.length, next.image[0].length];
    const outputs = outputSize(height, next) * outputSize(width, next);
    next.step = Math.max(0, Math.min(outputs - 1, next.step));
    const p = next.padding;
    const onGrid = next.pixel && [height, width].every((side, axis) => next.pixel[axis] >= -p && next.pixel[axis] < side + p);
    if (!onGrid) next.pixel = null;
    own = true;
    for (const [name, value] of Object.entries(next)) if (!equal(value, get(name))) model.set(name, value);
    own = false;
    draw();
    save();
  }

  // -- the settings
  const sized = (label, axis) => wholeField(label, [1, LARGEST_SIDE], (value) => {
    const size = [get("image").length, get("image")[0].length];
    size[axis] = value;
    return change({ image: cut(named() ? presets[named()] : memory, ...size) });
  });
  const cut = (grid, height, width) =>
    Array.from({ length: height }, (_, r) => Array.from({ length: width }, (_, c) => grid[r]?.[c] ?? 0));
  const named = () => {
    const image = get("image");
    return Object.keys(presets).find((name) => image.every((row, r) => row.every((value, c) => value === presets[name][r][c])));
  };
  const preset = choice("Input", [["", "your own numbers"], ...Object.keys(presets).map((name) => [name, name])], (name) => {
    const image = get("image");
    memory = name ? presets[name] : memory;
    return name ? change({ image: cut(presets[name], image.length, image[0].length) }) : null;
  });
  const [height, width] = [sized("Height", 0), sized("Width", 1)];
  const whole = Object.fromEntries(Object.entries(WHOLE).map(([name, label]) =>
    [name, wholeField(label, get("_ranges")[name], (value) => change({ [name]: value }))]));
  const mode = choice("Padding with", MODES.map((name) => [name, name]), (value) => change({ padding_mode: value }));
  const weights = choice("Weights", Object.entries(WEIGHTS), (value) => change({ weights: value }));

  // -- the two grids
  const help = (text) => el("span", { class: "cw-hidden", id: uniqueId("help") }, text);
  const inputHelp = help("Arrow keys choose a cell, and the windows that read it are marked in the output. Type a number to change the cell, Enter takes it, Escape lets go.");
  const outputHelp = help("Left and right arrows take the walk one step back or on, up and down one row. Home and End go to its start and end, the space bar lets it run.");
  const input = board("The padded input", inputHelp);
  const output = board("The output", outputHelp);
  input.node.classList.add("ww-input");
  output.node.classList.add("ww-output");
  const inputSize = el("span");
  const outputSizeText = el("span");
  const editor = el("input", { type: "text", class: "ww-editor", autocomplete: "off", spellcheck: "false", hidden: true });
  const editError = el("p", { id: uniqueId("error"), class: "cw-error", role: "alert", hidden: true });
  input.node.append(editor);

  let editing = null;
  function edit(place, text) {
    const [r, c] = place;
    const { padding } = state();
    editing = place;
    editor.hidden = false;
    editor.setAttribute("aria-label", `number in row ${r}, column ${c}`);
    editor.value = text;
    const side = Math.max(input.cell, 40);
    Object.assign(editor.style, { left: `${(c + padding + 0.5) * input.cell - side / 2}px`, top: `${(r + padding) * input.cell}px`, width: `${side}px`, height: `${Math.max(input.cell, 26)}px` });
    editor.focus();
    if (text === written(place)) editor.select();
  }
  const written = ([r, c]) => formatNumber(get("image")[r][c], 6);
  function leave(refocus) {
    editing = null;
    editor.hidden = true;
    complain(editor, editError, null);
    if (refocus) input.node.focus();
  }
  function take(refocus) {
    if (!editing) return;
    const [r, c] = editing;
    if (editor.value === written(editing)) return leave(refocus);
    const { value, error } = parseNumber(editor.value);
    if (error) return complain(editor, editError, error);
    memory = get("image").map((row, i) => row.map((old, j) => (i === r && j === c ? value : old)));
    leave(refocus);
    change({ image: memory });
  }
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter") take(true);
    else if (event.key === "Escape") leave(true);
    else return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
  });
  editor.addEventListener("blur", () => {
    if (!editing) return;
    if (parseNumber(editor.value).error) leave(false);
    else take(false);
  });

  const inImage = ([r, c]) => r >= 0 && c >= 0 && r < get("image").length && c < get("image")[0].length;
  function choose(pixel) {
    own = true;
    model.set("pixel", pixel);
    own = false;
    draw();
    save();
  }
  input.node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target === editor) return;
    const [r, c] = input.at(event);
    const { padding } = state();
    choose([r - padding, c - padding]);
  });
  input.node.addEventListener("dblclick", () => {
    const { pixel } = state();
    if (pixel && inImage(pixel)) edit(pixel, written(pixel));
  });
  input.node.addEventListener("keydown", (event) => {
    if (event.target === editor || isCommand(event)) return;
    const { pixel, padding } = state();
    const arrow = arrowOf(event);
    if (arrow) {
      const [h, w] = [walk.height, walk.width];
      const [dr, dc] = pixel ? arrow : [0, 0];
      const [r, c] = pixel ?? [0, 0];
      choose([Math.max(-padding, Math.min(h + padding - 1, r + dr)), Math.max(-padding, Math.min(w + padding - 1, c + dc))]);
    } else if (event.key === "Escape") choose(null);
    else if (pixel && inImage(pixel) && (event.key === "Enter" || event.key === "F2")) edit(pixel, written(pixel));
    else if (pixel && inImage(pixel) && /^[-−.,\d]$/.test(event.key)) edit(pixel, event.key);
    else return;
    event.preventDefault();
  });

  // -- the walk
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let timer = null;
  const last = () => walk.output.data.length - 1;
  function go(step) {
    own = true;
    model.set("step", Math.max(0, Math.min(last(), step)));
    own = false;
    draw();
    save();
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    if (walk) drawControls();
  }
  function toggle() {
    if (timer !== null) return pause();
    if (still.matches) return go(last());
    if (get("step") >= last()) go(0);
    timer = setInterval(() => {
      go(get("step") + 1);
      if (get("step") >= last()) pause();
    }, Math.max(40, Math.min(450, FULL_WALK / (last() + 1))));
    drawControls();
  }
  const walkTo = (step) => {
    pause();
    go(step);
  };
  output.node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [r, c] = output.at(event);
    walkTo(r * walk.output.width + c);
  });
  output.node.addEventListener("keydown", (event) => {
    if (isCommand(event)) return;
    const step = get("step");
    const row = walk.output.width;
    const to = { ArrowLeft: step - 1, ArrowRight: step + 1, Home: 0, End: last() }[event.key];
    if (to !== undefined) walkTo(to);
    else if (event.key === "ArrowUp") walkTo(step - row < 0 ? step : step - row);
    else if (event.key === "ArrowDown") walkTo(step + row > last() ? step : step + row);
    else if (event.key === " ") toggle();
    else return;
    event.preventDefault();
  });
  const button = (sign, label, onclick) => el("button", { type: "button", "aria-label": label, title: label, onclick }, sign);
  const first = button("|◀", "To the start", () => walkTo(0));
  const back = button("◀", "One step back", () => walkTo(get("step") - 1));
  const play = el("button", { type: "button", class: "cw-primary ww-play", onclick: toggle });
  const on = button("▶", "One step on", () => walkTo(get("step") + 1));
  const end = button("▶|", "To the end", () => walkTo(last()));
  const count = el("span", { class: "ww-count" });

  // -- the puzzle
  const puzzle = get("_puzzle");
  const tried = Object.fromEntries(Object.keys(WHOLE).map((name) => [name, puzzle.ranges[name][0]]));
  Object.assign(tried, { kernel_size: 3 });
  const guesses = Object.fromEntries(Object.entries(WHOLE).map(([name, label]) => [name, wholeField(label, puzzle.ranges[name], (value) => {
    tried[name] = value;
    guesses[name].show(value);
  })]));
  const told = el("p", { class: "ww-told", role: "status" });
  const found = el("ul", { class: "ww-found", "aria-label": "found" });
  const score = el("p", { class: "ww-score", role: "status" });
  const asText = ([k, s, p, d]) => `k ${k}, s ${s}, p ${p}, d ${d}`;
  function guess() {
    const { size, target, count } = puzzle;
    const { kernel_size: k, padding: p, dilation: d } = tried;
    if (room(size, k, p, d) < 0) {
      told.textContent = `That does not fit: the kernel spans ${reachOf(k, d)} pixels, and ${size} with padding ${p} are only ${size + 2 * p}.`;
      return;
    }
    const after = outputSize(size, tried);
    if (after !== target) {
      told.textContent = `Not ${target}: ${formula(size, tried)}.`;
      return;
    }
    const one = [k, tried.stride, p, k === 1 ? 1 : d];
    const note = k === 1 && d > 1 ? " A kernel of one tap has nothing to dilate: this is the same as dilation 1." : "";
    const list = get("found");
    if (list.some((other) => equal(other, one))) {
      told.textContent = `You have that one already.${note}`;
      return;
    }
    own = true;
    model.set("found", [...list, one]);
    own = false;
    save();
    drawPuzzle();
    told.textContent = `${list.length + 1 === count ? `Yes, and that was the last: all ${count} are found.` : "Yes."} ${formula(size, tried)}.${note}`;
  }
  function drawPuzzle() {
    const list = get("found");
    setText(score, `Found: ${list.length} of ${puzzle.count}.`);
    found.replaceChildren(...list.map((one) => el("li", {}, asText(one))));
  }
  const between = (name) => `${WHOLE[name].toLowerCase()} ${puzzle.ranges[name].join(" to ")}`;

  // -- the page
  const formulas = el("p", { class: "ww-formula", role: "status" });
  const sums = el("p", { class: "ww-sum" });
  const about = el("p", { class: "ww-about" });
  const voice = speaker();
  const inputColumn = el("figure", { class: "ww-first" }, el("figcaption", {}, el("h4", {}, "Input"), inputSize), input.node, editError);
  const outputColumn = el("figure", {}, el("figcaption", {}, el("h4", {}, "Output"), outputSizeText), output.node,
    el("div", { class: "ww-controls" }, first, back, play, on, end, count));
  const key = (name, text) => el("li", {}, el("span", { class: `ww-key ww-${name}`, "aria-hidden": "true" }), text);
  root.append(
    el("div", { class: "ww-settings" }, ...["kernel_size", "stride", "padding", "dilation"].map((name) => whole[name].node), mode.node,
      weights.node, preset.node, height.node, width.node),
    formulas,
    el("div", { class: "ww-stage" }, inputColumn, outputColumn),
    el("ul", { class: "ww-keys" }, key("tap", "read by the window"), key("rim", "where the padding begins"), key("unread", "read by no window"), key("pixel", "the chosen input cell, and its readers")),
    sums, about,
    el("section", { class: "ww-puzzle" },
      el("h4", {}, `Puzzle: from ${puzzle.size} to ${puzzle.target}`),
      el("p", {}, `Find every setting that makes ${puzzle.target} pixels out of ${puzzle.size}, with ${Object.keys(WHOLE).map(between).join(", ")}. There are ${puzzle.count}.`),
      el("div", { class: "ww-guess" }, ...Object.values(guesses).map(({ node }) => node), el("button", { type: "button", class: "cw-primary", onclick: guess }, "Try")),
      told, score, found),
    inputHelp, outputHelp, voice.node,
  );

  // -- painting
  function draw() {
    const now = state();
    if (refusal(now)) return; // between two changes from Python
    const fresh = SETTINGS.slice(0, -2).some((name) => walk?.of[name] !== now[name]);
    if (fresh) {
      walk = { ...walkOf(now), of: now };
      walk.shades = scaleOf(walk.padded.data);
      walk.outShades = scaleOf(walk.output.data);
      root.walk = walk;
      drawSettings(now);
      fit();
    }
    if (now.step > last()) return;
    drawInput(now);
    drawOutput(now);
    drawControls();
    drawSums(now);
    root.painted = (root.painted ?? 0) + 1;
  }

  function drawSettings(now) {
    for (const name of Object.keys(WHOLE)) whole[name].show(now[name]);
    mode.show(now.padding_mode);
    weights.show(now.weights);
    preset.show(named() ?? "");
    height.show(walk.height);
    width.show(walk.width);
    const line = (label, size) => {
      const rest = room(size, now.kernel_size, now.padding, now.dilation) % now.stride;
      const what = label.includes("and") ? "row and the last column" : label;
      const left = label.includes("and") ? `rows and the last ${rest} columns` : `${label}s`;
      return `${label === "row" ? "Rows" : label === "column" ? "Columns" : "Rows and columns"}: ${formula(size, now)}` +
        (rest ? `. The floor leaves the last ${rest === 1 ? what : `${rest} ${left}`} of the padded input over.` : "");
    };
    const lines = walk.height === walk.width ? [line("row and column", walk.height)] : [line("row", walk.height), line("column", walk.width)];
    const rule = el("span", { class: "ww-rule" }, "⌊(in + 2p − d(k − 1) − 1) / s⌋ + 1");
    if (formulas.textContent !== rule.textContent + lines.join("")) formulas.replaceChildren(rule, ...lines.map((text) => el("span", {}, text)));
    inputSize.textContent = `${walk.height} × ${walk.width}${now.padding ? `, padded ${walk.padded.height} × ${walk.padded.width}` : ""}`;
    outputSizeText.textContent = `${walk.output.height} × ${walk.output.width}`;
  }

  let space = null; // pixels for each grid; asking the page for them takes as long as drawing does
  function look() {
    space = [inputColumn, outputColumn].map((column) => (column.clientWidth || UNSEEN) - 2);
    input.family = output.family = getComputedStyle(root).fontFamily;
  }
  function fit() {
    if (space === null) look();
    input.fit(walk.padded.height, walk.padded.width, space[0], 430);
    output.fit(walk.output.height, walk.output.width, space[1], 430);
  }

  function drawInput({ padding: p, step, pixel, padding_mode: mode }) {
    const { padded, rows, columns, shades } = walk;
    input.shade(padded.data, shades);
    input.lines();
    const places = [];
    for (let r = 0; r < padded.height; r++) for (let c = 0; c < padded.width; c++) if (isUnread(walk, p, r, c)) places.push([r, c]);
    input.hatch(places);
    if (input.cell >= WRITTEN) {
      for (let r = 0; r < padded.height; r++) {
        for (let c = 0; c < padded.width; c++) {
          const value = padded.data[r * padded.width + c];
          const { background, color } = colours(value, shades);
          const [y, x] = [r - p, c - p];
          const rim = y < 0 || x < 0 || y >= walk.height || x >= walk.width;
          const note = rim && mode !== "zeros" && input.cell >= 34 ? `← ${rows.sources[r]}, ${columns.sources[c]}` : "";
          input.write(r, c, short(value), color, { quiet: rim, note, halo: isUnread(walk, p, r, c) ? background : null });
        }
      }
    }
    if (p) input.frame(p, p, walk.height, walk.width, { colour: COLOUR.halo, under: COLOUR.under, thick: 1.5, dash: [5, 4], inset: 0 });
    const rowTaps = rows.windows[Math.floor(step / walk.output.width)];
    const columnTaps = columns.windows[step % walk.output.width];
    if (input.cell > 4) {
      for (const r of rowTaps) for (const c of columnTaps) input.frame(r, c, 1, 1, { colour: COLOUR.window, under: COLOUR.under, thick: 1.5, inset: 2.5 });
    }
    const extent = (taps) => taps.at(-1) + 1 - taps[0];
    input.frame(rowTaps[0], columnTaps[0], extent(rowTaps), extent(columnTaps), { colour: COLOUR.window, under: COLOUR.under, thick: 2.5, inset: 0 });
    if (!pixel) return;
    const [r, c] = [pixel[0] + p, pixel[1] + p];
    const [y, x] = [rows.sources[r], columns.sources[c]];
    if (y >= 0 && x >= 0 && (y !== pixel[0] || x !== pixel[1])) {
      const middle = (n) => (n + 0.5) * input.cell;
      input.context.beginPath();
      input.context.moveTo(middle(c), middle(r));
      input.context.lineTo(middle(x + p), middle(y + p));
      input.stroke(COLOUR.halo, 5);
      input.stroke(COLOUR.pixel, 2.5);
      input.frame(y + p, x + p, 1, 1, { colour: COLOUR.pixel, under: COLOUR.halo, thick: 2, dash: [3, 2], inset: 2 });
    }
    input.frame(r, c, 1, 1, { colour: COLOUR.pixel, under: COLOUR.halo, thick: 3, inset: 2 });
  }

  const reads = (taps, place) => taps.includes(place);
  function drawOutput({ step, pixel, padding: p }) {
    const { data, height, width } = walk.output;
    const { context, cell } = output;
    output.shade(data, walk.outShades);
    context.fillStyle = COLOUR.empty;
    const [row, column] = [Math.floor(step / width), step % width];
    context.fillRect((column + 1) * cell, row * cell, (width - column - 1) * cell, cell);
    context.fillRect(0, (row + 1) * cell, width * cell, (height - row - 1) * cell);
    output.lines();
    if (cell >= WRITTEN) {
      for (let i = 0; i <= step; i++) {
        output.write(Math.floor(i / width), i % width, short(data[i]), colours(data[i], walk.outShades).color);
      }
    }
    walk.readers = [];
    if (pixel) {
      walk.rows.windows.forEach((rowTaps, r) => {
        if (!reads(rowTaps, pixel[0] + p)) return;
        walk.columns.windows.forEach((columnTaps, c) => {
          if (!reads(columnTaps, pixel[1] + p)) return;
          walk.readers.push([r, c]);
          output.frame(r, c, 1, 1, { colour: COLOUR.pixel, under: COLOUR.halo, thick: cell > 12 ? 2.5 : 1.5, inset: cell > 12 ? 4 : 1 });
        });
      });
    }
    output.frame(row, column, 1, 1, { colour: COLOUR.window, under: COLOUR.under, thick: 2.5, inset: 0 });
  }

  function drawControls() {
    const step = get("step");
    first.disabled = back.disabled = step <= 0;
    on.disabled = end.disabled = step >= last();
    const text = timer !== null ? "Pause" : still.matches ? "Show all" : "Play";
    setText(play, text);
    count.textContent = `window ${step + 1} of ${last() + 1}`;
  }

  function drawSums({ step, pixel, padding: p, kernel_size: k, weights: kind, padding_mode: mode }) {
    const { padded, rows, columns, output: out } = walk;
    const [row, column] = [Math.floor(step / out.width), step % out.width];
    const taken = rows.windows[row].flatMap((r) => columns.windows[column].map((c) => padded.data[r * padded.width + c]));
    const value = formatNumber(out.data[step], 5);
    const sign = (x) => (x < 0 ? `(${formatNumber(x)})` : formatNumber(x));
    const terms = taken.map((x, i) => (kind === "1, 2, 3, …" ? `${i + 1}·${sign(x)}` : sign(x))).join(" + ");
    const sum = k > 3 ? `its ${k * k} numbers${kind === "ones" ? " sum to" : kind === "mean" ? " have the mean" : ", weighted, sum to"} ` : kind === "mean" ? `(${terms}) / ${k * k} = ` : `${terms} = `;
    sums.replaceChildren(`The window at output row ${row}, column ${column}: ${sum}`, el("output", {}, value));
    const place = pixel && `row ${formatNumber(pixel[0])}, column ${formatNumber(pixel[1])}`;
    let text = "Choose an input cell, by a click or by the arrow keys: which windows read it? Type, and its number changes.";
    if (pixel) {
      const [y, x] = [rows.sources[pixel[0] + p], columns.sources[pixel[1] + p]];
      const inside = inImage(pixel);
      text = inside ? `Input ${place} is ${written(pixel)}. ` : y < 0 || x < 0
        ? `The place ${place} lies in the padding: it is 0. ` : `The place ${place} lies in the padding: it is a copy of input row ${y}, column ${x}, which is ${written([y, x])}. `;
      const count = walk.readers.length;
      text += count ? `${some(count, "window")} ${count === 1 ? "reads" : "read"} it: marked in the output.` : "No window reads it.";
      if (inside && !count && !walk.unread[pixel[0] * walk.width + pixel[1]]) text += ` But a copy of it in the padding (${mode}) is read.`;
    }
    about.textContent = text;
    input.node.setAttribute("aria-label", `The padded input, ${padded.height} × ${padded.width}. ${pixel ? text : ""}`);
    output.node.setAttribute("aria-label", `The output, ${out.height} × ${out.width}, filled up to window ${step + 1}.`);
    if (timer === null) voice.say(`Output row ${row}, column ${column}: ${value}. ${pixel ? text : ""}`);
    else voice.stop();
  }

  // -- what comes from Python, or from another view of the same walker
  const follow = painter(() => {
    draw();
    drawPuzzle();
  });
  const changed = () => own || follow();
  const newImage = () => {
    if (own) return;
    memory = get("image");
    leave(false);
    follow();
  };
  const watched = [...SETTINGS.filter((name) => name !== "image"), "found"];
  for (const name of watched) model.on(`change:${name}`, changed);
  model.on("change:image", newImage);

  for (const name of Object.keys(guesses)) guesses[name].show(tried[name]);
  drawPuzzle();
  draw();
  const resize = new ResizeObserver(() => {
    const before = String(space);
    look();
    if (String(space) === before) return; // only a height has changed
    fit();
    draw();
  });
  for (const column of [inputColumn, outputColumn]) resize.observe(column);
  const motion = () => drawControls();
  still.addEventListener("change", motion);
  return () => {
    pause();
    voice.stop();
    resize.disconnect();
    still.removeEventListener("change", motion);
    for (const name of watched) model.off(`change:${name}`, changed);
    model.off("change:image", newImage);
  };
}

export default { render };
