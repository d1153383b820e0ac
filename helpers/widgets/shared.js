// Shared by every widget: joined in front of the widget's own module (see base.py). No exports here.

/** Make an element: el("button", {type: "button", onclick: f}, "text", child). */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Make an element of a drawing: svg("line", {x1: 0}). */
function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Write `text` into `node` if it is not there yet: a screen reader would read it out again. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A line for screen readers alone: `say(text)` is heard once nothing has changed for half a second. */
function speaker() {
  const node = el("p", { class: "cw-hidden", role: "status" });
  let timer = null;
  const stop = () => clearTimeout(timer);
  return {
    node,
    stop,
    say(text) {
      stop();
      timer = setTimeout(() => setText(node, text), 500);
    },
  };
}

/** A name that no other element on the page has, for aria-labelledby, label for= and the like. */
function uniqueId(prefix) {
  uniqueId.count = (uniqueId.count ?? 0) + 1;
  return `${prefix}-${Math.random().toString(36).slice(2, 8)}-${uniqueId.count}`;
}

/**
 * Make the widget's root inside `host`. Keys pressed in it stay in it, stills of the same cell are hidden, and a
 * sentence appears once the Jupyter kernel behind the model is gone: JupyterLab says so by "comm_live_update".
 */
function mount(host, model, label) {
  const root = el("div", { class: "cw", role: "group", "aria-label": label, "data-lm-suppress-shortcuts": "true" });
  for (const event of ["keydown", "keyup", "keypress"]) root.addEventListener(event, (e) => e.stopPropagation());
  const notice = el("p", { class: "cw-notice", role: "status", hidden: true });
  model.on("comm_live_update", () => {
    notice.textContent =
      "The Jupyter kernel behind this widget has stopped. You can go on here; run the cell again so that Python follows.";
    notice.hidden = false;
  });
  root.append(notice);
  host.append(root);
  requestAnimationFrame(() => {
    const area = host.closest(".jp-OutputArea, .cell_container") ?? document;
    for (const still of area.querySelectorAll(".cw-still")) {
      (still.closest(".jp-OutputArea-child") ?? still).style.display = "none";
    }
  });
  return root;
}

/** Call `draw` before the next paint, once, however often it is asked for. */
function painter(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

/** Send what was set to Python, at most every 100 milliseconds, and the last state always. */
function saver(model) {
  let timer = null;
  return () => {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      model.save_changes();
    }, 100);
  };
}

const SILENCE = "Python is busy with another cell, or does not answer: wait. If this stays, run this cell again.";

/**
 * Wait for Python, however late it answers: `wait(send)` asks, `stop()` ends it. `silent` is called, and stands in the
 * result, once there has been no answer for four seconds, or where the question cannot be sent.
 */
function patience(silent) {
  let timer = null;
  const giveUp = () => {
    self.silent = true;
    silent();
  };
  const self = {
    waiting: false,
    silent: false,
    stop() {
      clearTimeout(timer);
      self.waiting = self.silent = false;
    },
    wait(send) {
      self.stop();
      self.waiting = true;
      timer = setTimeout(giveUp, 4000);
      try {
        send();
      } catch {
        clearTimeout(timer);
        giveUp();
      }
    },
  };
  return self;
}

const LARGEST = 1e6;

/**
 * Read a number as people write it: "1/9", "-1", "−1", "0,5", "2e-3".
 * Returns {value} or {error}, a sentence that says what is wrong.
 */
function parseNumber(text, largest = LARGEST) {
  const written = String(text).trim();
  if (/^[+\-−–]?[1-9]\d{0,2},\d{3}$/.test(written)) {
    return { error: `"${written}" can be read in two ways: write ${written.replace(",", ".")} or ${written.replace(",", "")}.` };
  }
  const plain = written.replace(/[−–]/g, "-").replace(",", ".");
  if (plain === "") return { error: "Empty: type a number, for example 0.5, −1 or 1/9." };
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  const parts = plain.split("/").map((part) => part.trim());
  if (parts.length > 2 || !parts.every((part) => number.test(part))) {
    return { error: `"${written}" is not a number: type for example 0.5, −1 or 1/9.` };
  }
  if (parts.length === 2 && Number(parts[1]) === 0) return { error: `"${written}" divides by zero.` };
  const value = parts.length === 2 ? Number(parts[0]) / Number(parts[1]) : Number(parts[0]);
  if (!(Math.abs(value) <= largest)) {
    const most = largest.toLocaleString("en");
    return { error: `"${written}" is too large: it must lie between −${most} and ${most}.` };
  }
  return { value };
}

/** Write a number for people: at most `digits` digits, a real minus sign. */
function formatNumber(value, digits = 4) {
  if (!Number.isFinite(value)) return String(value);
  const text = String(Number(value.toPrecision(digits)));
  return (text === "-0" ? "0" : text).replace("-", "−");
}

/** A number in a few characters: 0.25, 12.5, 1234. */
const short = (value) => formatNumber(Number(value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0)), 6);

/** Whether two values that JSON can write are equal. */
const equal = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** Whether a key is meant for the browser or the system: Alt and ← goes back a page. */
const isCommand = (event) => event.altKey || event.ctrlKey || event.metaKey;

/** Where an arrow key leads, [down, right]; undefined for every other key. */
const arrowOf = (event) => (isCommand(event) ? undefined : ARROWS[event.key]);

/** Call `press` where the first button or a finger goes down on `node`, then `move` wherever it is dragged. */
function dragged(node, move, press = move) {
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    node.setPointerCapture(event.pointerId);
    press(event);
  });
  node.addEventListener("pointermove", (event) => node.hasPointerCapture(event.pointerId) && move(event));
}

/** How many pixels a kernel of `size` taps spans. */
const reachOf = (size, dilation) => dilation * (size - 1) + 1;

/** Which pixel of the image stands at place `at` of the padded axis; −1 for a padded zero. */
function source(at, size, padding, mode) {
  const i = at - padding;
  if (i >= 0 && i < size) return i;
  if (mode === "zeros") return -1;
  if (mode === "replicate") return i < 0 ? 0 : size - 1;
  if (mode === "reflect") return i < 0 ? -i : 2 * (size - 1) - i;
  return (i + size) % size;
}

/** Why a picture whose shorter side has `shorter` pixels has no such padding, in one sentence; null when it has. */
function paddingRefusal(mode, padding, shorter) {
  const side = `the shorter side, ${shorter} ${shorter === 1 ? "pixel" : "pixels"}.`;
  if (mode === "reflect" && padding >= shorter) return `Padding ${padding} is too much: reflect needs less than ${side}`;
  if (mode === "circular" && padding > shorter) return `Padding ${padding} is too much: circular needs at most ${side}`;
  return null;
}

/** The picture, its channels one after the other, with `padding` pixels more on each side. */
function pad({ data, height, width, channels = 1 }, padding, mode) {
  const size = { height: height + 2 * padding, width: width + 2 * padding, channels };
  if (!padding) return { ...size, data };
  const padded = new data.constructor(size.height * size.width * channels);
  const columns = Int32Array.from({ length: size.width }, (_, at) => source(at, width, padding, mode));
  for (let plane = 0, i = 0; plane < channels; plane++) {
    for (let r = 0; r < size.height; r++) {
      const row = source(r, height, padding, mode);
      const from = (plane * height + row) * width;
      for (let c = 0; c < size.width; c++, i++) {
        if (row >= 0 && columns[c] >= 0) padded[i] = data[from + columns[c]];
      }
    }
  }
  return { ...size, data: padded };
}

/** Write or take back what is wrong with a control. */
function complain(control, place, text) {
  place.textContent = text ?? "";
  place.hidden = !text;
  mark(control, place, text);
}
function mark(control, place, wrong) {
  if (wrong) {
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", place.id);
  } else {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  }
}

/** A labelled text field for a number, with its error under it. `commit` returns a sentence or null. */
function numberField(label, { parse, write, commit, step }) {
  const id = uniqueId("field");
  const input = el("input", { id, type: "text", autocomplete: "off", spellcheck: "false", inputmode: step ? "numeric" : "text" });
  const error = el("p", { id: uniqueId("error"), class: "cw-error", role: "alert", hidden: true });
  let shown = "";
  const restore = () => {
    input.value = shown;
    complain(input, error, null);
  };
  const take = () => {
    if (input.value === shown) return restore();
    const { value, error: wrong } = parse(input.value);
    const refused = wrong ?? commit(value);
    if (refused) complain(input, error, refused);
    else restore();
  };
  const stepBy = (by) => {
    const { value } = parse(shown);
    const refused = commit(value + by);
    if (refused) complain(input, error, refused);
  };
  input.addEventListener("keydown", (event) => {
    if (isCommand(event)) return;
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (event.key === "Enter") take();
    else if (event.key === "Escape") restore();
    else if (by && step) stepBy(by);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", take);
  const button = (sign, by) => el("button", { type: "button", class: "cw-step", tabindex: "-1", "aria-label": `${label} ${sign}1`, onclick: () => stepBy(by) }, sign);
  return {
    input,
    error,
    restore,
    node: el("div", { class: "cw-field" }, el("label", { for: id }, label),
      el("div", { class: "cw-with-steps" }, step && button("−", -1), input, step && button("+", 1)), error),
    dirty: () => input.value !== shown,
    show(value) {
      const text = write(value);
      if (text === shown && input.value !== shown) return; // typed, and not taken yet
      shown = text;
      restore();
    },
  };
}

/** A field for a whole number, with steps. */
function wholeField(label, [low, high], commit) {
  return numberField(label, {
    parse(text) {
      const { value, error } = parseNumber(text);
      return error ? { error: `${label}: ${error}` } : { value };
    },
    write: String,
    step: true,
    commit: (value) => (Number.isInteger(value) && value >= low && value <= high ? commit(value)
      : `${label} is ${formatNumber(value, 6)}; it must be a whole number from ${low} to ${high}.`),
  });
}

/** A labelled choice. `commit` returns a sentence or null. */
function choice(label, options, commit) {
  const id = uniqueId("choice");
  const error = el("p", { id: uniqueId("error"), class: "cw-error", role: "alert", hidden: true });
  const select = el("select", { id }, ...options.map(([value, text]) => el("option", { value }, text)));
  let shown = "";
  select.addEventListener("change", () => {
    const refused = commit(select.value);
    if (refused) select.value = shown;
    complain(select, error, refused);
  });
  return {
    select,
    node: el("div", { class: "cw-field" }, el("label", { for: id }, label), select, error),
    show(value) {
      if (value !== shown) complain(select, error, null);
      shown = select.value = value;
    },
  };
}

// ColorBrewer's RdBu in eleven steps, from negative (blue) over zero (white) to positive (red); safe for colour-blind eyes.
const SIGNED_STOPS = [
  [5, 48, 97], [33, 102, 172], [67, 147, 195], [146, 197, 222], [209, 229, 240], [247, 247, 247],
  [253, 219, 199], [244, 165, 130], [214, 96, 77], [178, 24, 43], [103, 0, 31],
];

const SIGNED = (() => {
  const table = new Uint8ClampedArray(3 * 256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (SIGNED_STOPS.length - 1);
    const low = Math.min(Math.floor(at), SIGNED_STOPS.length - 2);
    for (let c = 0; c < 3; c++) {
      table[3 * i + c] = SIGNED_STOPS[low][c] + (at - low) * (SIGNED_STOPS[low + 1][c] - SIGNED_STOPS[low][c]);
    }
  }
  return table;
})();

// The colours as 32-bit words, the way an image's bytes lie in memory.
const pixelWord = (red, green, blue) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
const WORDS = {
  grey: Uint32Array.from({ length: 256 }, (_, i) => pixelWord(i, i, i)),
  signed: Uint32Array.from({ length: 256 }, (_, i) => pixelWord(SIGNED[3 * i], SIGNED[3 * i + 1], SIGNED[3 * i + 2])),
};
const PAINTED = new WeakMap();

/**
 * Paint `data` (height × width, row by row) pixel for pixel: grey from `low` to `high`, or signed with zero in the
 * middle; `absolute` paints each number without its sign.
 */
function paint(canvas, data, height, width, { low = 0, high = 1, signed = false, absolute = false } = {}) {
  if (canvas.width !== width || canvas.height !== height) {
    Object.assign(canvas, { width, height });
    PAINTED.delete(canvas);
  }
  const context = canvas.getContext("2d");
  if (!PAINTED.has(canvas)) {
    const image = context.createImageData(width, height);
    PAINTED.set(canvas, { image, pixels: new Uint32Array(image.data.buffer) });
  }
  const { image, pixels } = PAINTED.get(canvas);
  const words = signed ? WORDS.signed : WORDS.grey;
  const scale = 255 / (high - low || 1);
  for (let i = 0; i < pixels.length; i++) {
    const value = absolute ? Math.abs(data[i]) : data[i];
    const level = (value - low) * scale + 0.5;
    pixels[i] = words[level > 255 ? 255 : level > 0 ? level | 0 : 0];
  }
  context.putImageData(image, 0, 0);
}

/** The colour that `paint` gives a number, and black or white, whichever can be read on it: {background, color}. */
function colours(value, { low = 0, high = 1, signed = false } = {}) {
  const level = Math.max(0, Math.min(255, Math.round(((value - low) * 255) / (high - low || 1))));
  const rgb = signed ? [...SIGNED.subarray(3 * level, 3 * level + 3)] : [level, level, level];
  const linear = rgb.map((c) => (c <= 10 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return { background: `rgb(${rgb.join(" ")})`, color: light > 0.179 ? "#000" : "#fff" };
}

/** Read a trait of float32 bytes (a DataView or an ArrayBuffer) as numbers. */
function floats(bytes) {
  if (bytes instanceof ArrayBuffer) return new Float32Array(bytes);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

const LARGEST_SHIFT = 8; // pixels, each way; Python's traits.py says the same

/** A shift [down, right] in words: "2 up, 1 right". */
function shiftInWords([down, right]) {
  const parts = [];
  if (down) parts.push(`${Math.abs(down)} ${down > 0 ? "down" : "up"}`);
  if (right) parts.push(`${Math.abs(right)} ${right > 0 ? "right" : "left"}`);
  return parts.join(", ") || "not at all";
}

/**
 * Let `canvas`, one canvas pixel for each pixel of its picture, be dragged pixel by pixel, or moved with the arrow keys;
 * Escape puts it back. `get()` gives the shift [down, right]; `set(down, right)` is called with a new one, within limits.
 */
function shiftByHand(canvas, get, set) {
  const clamp = (n) => Math.max(-LARGEST_SHIFT, Math.min(LARGEST_SHIFT, n));
  const put = (down, right) => set(clamp(down), clamp(right));
  let start = null;
  dragged(canvas, (event) => {
    put(start.from[0] + Math.round((event.clientY - start.y) / start.pixel),
      start.from[1] + Math.round((event.clientX - start.x) / start.pixel));
  }, (event) => {
    start = { x: event.clientX, y: event.clientY, from: get(), pixel: canvas.clientWidth / canvas.width };
  });
  canvas.addEventListener("keydown", (event) => {
    const step = arrowOf(event);
    if (!step && event.key !== "Escape") return;
    event.preventDefault();
    const [down, right] = get();
    if (step) put(down + step[0], right + step[1]);
    else put(0, 0);
  });
}
