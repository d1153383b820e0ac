// The kernel lab: everything the learner turns is computed and painted here; Python holds the same state.

const EDITS = ["kernel", "divisor", "normalise", "stride", "padding", "padding_mode", "dilation", "display", "colour", "second", "second_divisor"];
const LARGEST_KERNEL = 7;
const SMALLEST_DIVISOR = 1e-6;
const WRITTEN_OUT = 12; // images up to this side are small enough to write every number of them
const GREY = [0.299, 0.587, 0.114];
const CHANNELS = ["red", "green", "blue"];
const LARGEST_SIDE = 512; // of the picture, pixels
const LARGEST_FILE = 50; // MB
const LARGEST_PICTURE = 100; // million pixels, before it is scaled
const DISPLAYS = { signed: "signed: white is 0", absolute: "absolute value", clip: "clipped to 0…1" };
const PIXELS_PER_STEP = 3; // how far to drag for one step

// ---- what is computed ---------------------------------------------------------------------------------------------

const sumOf = (kernel) => kernel.flat().reduce((sum, weight) => sum + weight, 0);

function dividesBy({ kernel, divisor, normalise }) {
  if (!normalise) return divisor;
  const sum = sumOf(kernel);
  return Math.abs(sum) >= SMALLEST_DIVISOR ? sum : 1;
}

function outputSize({ kernel, stride, padding, dilation }, { height, width }) {
  const room = 2 * padding - reachOf(kernel.length, dilation);
  return [Math.floor((height + room) / stride) + 1, Math.floor((width + room) / stride) + 1];
}

/** Why these settings do not go together, in one sentence; null when they do. */
function refusal({ kernel, stride, padding, padding_mode: mode, dilation, second }, { height, width }) {
  const shorter = Math.min(height, width);
  const room = shorter + 2 * padding;
  const reach = reachOf(kernel.length, dilation);
  const refused = paddingRefusal(mode, padding, shorter);
  if (refused) return refused;
  if (reach > room) {
    return `The kernel would span ${reach} pixels, but the padded image has only ${room} on its shorter side.`;
  }
  if (stride > room) {
    return `Stride ${stride} is too large: the padded image has ${room} pixels on its shorter side.`;
  }
  if (!second) return null;
  if (stride !== 1) return `Stride is ${stride}; beside a second kernel it must be 1.`;
  if (dilation !== 1) return `Dilation is ${dilation}; beside a second kernel it must be 1.`;
  const between = room - kernel.length + 1;
  if (second.length > between + 2 * padding) {
    return `The second kernel has ${second.length} × ${second.length} weights, but the first result, padded, has only ${between + 2 * padding} pixels on its shorter side.`;
  }
  const most = { reflect: Math.min(between - 1, (shorter - 1) >> 1), circular: Math.min(between, shorter >> 1) }[mode] ?? padding;
  if (padding > most) {
    return `Padding ${padding} is too much: with a second kernel, ${mode} has room for ${most} here, because the merged kernel needs twice the padding.`;
  }
  return null;
}

/** Add the shifted image once per weight: k·k passes over whole rows, for each channel by itself. */
function convolve(padded, weights, stride = 1, dilation = 1) {
  const size = weights.length;
  const { channels } = padded;
  const [height, width] = [padded.height, padded.width].map((side) => Math.floor((side - reachOf(size, dilation)) / stride) + 1);
  const data = new Float64Array(height * width * channels);
  for (let a = 0; a < size; a++) {
    for (let b = 0; b < size; b++) {
      const weight = weights[a][b];
      if (weight === 0) continue;
      for (let plane = 0, to = 0; plane < channels; plane++) {
        for (let r = 0; r < height; r++) {
          let from = (plane * padded.height + r * stride + a * dilation) * padded.width + b * dilation;
          for (let c = 0; c < width; c++, to++, from += stride) data[to] += weight * padded.data[from];
        }
      }
    }
  }
  return { data, height, width, channels };
}

/** The one kernel that does what `first` and then `second` do. */
function merged(first, second) {
  const size = first.length + second.length - 1;
  const out = Array.from({ length: size }, () => Array(size).fill(0));
  first.forEach((line, a) => line.forEach((x, b) => second.forEach((row, i) => row.forEach((y, j) => (out[a + i][b + j] += x * y)))));
  return out;
}

/** How far two results are apart: at most `inside`, `rim` pixels from the border and more, and nearer to it. */
function apart(one, other, rim) {
  const { height, width, channels } = one;
  const data = new Float64Array(one.data.length);
  let [within, around] = [0, 0];
  for (let i = 0, line = 0; line < height * channels; line++) {
    const row = line % height;
    const middle = row >= rim && row < height - rim;
    for (let c = 0; c < width; c++, i++) {
      const gap = Math.abs((data[i] = one.data[i] - other.data[i]));
      if (middle && c >= rim && c < width - rim) within = gap > within ? gap : within;
      else around = gap > around ? gap : around;
    }
  }
  return { data, height, width, channels, most: { inside: within, rim: around } };
}

/** The picture of one brightness that a picture in colour becomes; one without colours stays as it is. */
function greyOf(picture) {
  if (picture.channels === 1) return picture;
  const { data, height, width } = picture;
  const size = height * width;
  const grey = Float32Array.from({ length: size }, (_, i) =>
    Math.min(1, GREY[0] * data[i] + GREY[1] * data[size + i] + GREY[2] * data[2 * size + i]));
  return { data: grey, height, width, channels: 1 };
}

/** A copy of the bytes behind a DataView, an ArrayBuffer or an array, and of no others. */
const bytesOf = (data) => new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength).slice();

/** Read what stands for a picture in the model: a byte for each number, or a float32. */
function pictureFrom({ data, height, width, channels = 1 }) {
  const bytes = bytesOf(data);
  const numbers = bytes.length === height * width * channels ? Float32Array.from(bytes, (level) => level / 255) : floats(data);
  return { data: numbers, height, width, channels };
}

function largest(data) {
  let most = 0;
  for (let i = 0; i < data.length; i++) {
    const size = Math.abs(data[i]);
    if (size > most) most = size;
  }
  return most;
}

/** The kernel in another size, with the same centre: zeros around it, or its rim cut off. */
function resized(kernel, size) {
  const shift = Math.trunc((size - kernel.length) / 2);
  return Array.from({ length: size }, (_, r) =>
    Array.from({ length: size }, (_, c) => kernel[r - shift]?.[c - shift] ?? 0));
}

// ---- how it is written --------------------------------------------------------------------------------------------

const signed = (value, digits) => (value > 0 ? "+" : "") + formatNumber(value, digits);
/** How a grid of signed numbers is tinted: the darkest colours are left out, so that many numbers stay calm. */
const tint = (rows) => ({ signed: true, high: 1.5 * (largest(rows.flat()) || 1), low: -1.5 * (largest(rows.flat()) || 1) });
const python = (value) => (Number.isInteger(value) ? `${value}.0` : String(value));

function weightCode(name, grid, divisor) {
  const rows = grid.map((row) => `    [${row.map(python).join(", ")}],\n`).join("");
  return `${name} = torch.tensor([\n${rows}]).view(1, 1, ${grid.length}, ${grid.length})${divisor === 1 ? "" : ` / ${python(divisor)}`}\n`;
}

function torchCode(state, imageCode, inColour) {
  const { kernel, stride, padding, padding_mode: mode, dilation, second } = state;
  const applied = (to, source, weight, padding, others = []) => {
    const padded = padding > 0 && mode !== "zeros";
    const settings = [...others, ["padding", padded ? 0 : padding, 0]].filter(([, value, usual]) => value !== usual);
    return (padded ? `padded = F.pad(${source}, (${Array(4).fill(padding).join(", ")}), mode="${mode}")\n` : "") +
      `${to} = F.conv2d(${padded ? "padded" : source}, ${weight}${settings.map(([name, value]) => `, ${name}=${value}`).join("")})\n`;
  };
  return `import torch\nimport torch.nn.functional as F\n\n${imageCode}\n` +
    (inColour ? "image = image[:, None]  # (3, 1, H, W): each channel is a picture of its own\n" : "") +
    weightCode("weight", kernel, dividesBy(state)) +
    applied("output", "image", "weight", padding, [["stride", stride, 1], ["dilation", dilation, 1]]) +
    (!second ? "" : weightCode("second", second, state.second_divisor) + applied("both", "output", "second", padding) +
      "merged = F.conv_transpose2d(weight, second)\n" + applied("at_once", "image", "merged", 2 * padding));
}

const COLOURED = new WeakMap();

/** Paint a result: one channel by `paint`; three as red, green and blue from `low` to `high`. */
function paintResult(canvas, { data, height, width, channels }, how = {}) {
  if (channels === 1) {
    COLOURED.delete(canvas);
    return paint(canvas, data, height, width, how);
  }
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  PAINTED.delete(canvas);
  const context = canvas.getContext("2d");
  let image = COLOURED.get(canvas);
  if (image?.width !== width || image?.height !== height) COLOURED.set(canvas, (image = context.createImageData(width, height)));
  const { low = 0, high = 1, absolute = false } = how;
  const scale = 255 / (high - low || 1);
  const size = height * width;
  for (let plane = 0; plane < 3; plane++) {
    for (let i = 0, to = plane; i < size; i++, to += 4) {
      const value = data[plane * size + i];
      image.data[to] = ((absolute ? Math.abs(value) : value) - low) * scale; // clamped and rounded by its type
    }
  }
  for (let to = 3; to < 4 * size; to += 4) image.data[to] = 255;
  context.putImageData(image, 0, 0);
}

// ---- the parts of the page ----------------------------------------------------------------------------------------

/** A canvas with marks over it. `fit` gives it a size on the page, `mark` frames pixels, `write` writes numbers in. */
function screen() {
  const canvas = el("canvas", { "aria-hidden": "true" });
  const marks = svg("svg", { class: "kl-marks", preserveAspectRatio: "none", "aria-hidden": "true" });
  const node = el("div", { class: "kl-screen" }, canvas, marks);
  const layers = { rim: svg("g"), numbers: svg("g"), frame: svg("g") };
  marks.append(layers.rim, layers.numbers, layers.frame);
  const hatch = uniqueId("hatch");
  let zoom = 1;
  let written = false;
  return {
    node,
    canvas,
    fit(height, width, pixels) {
      zoom = pixels;
      node.style.width = `${width * zoom}px`;
      node.style.height = `${height * zoom}px`;
      canvas.classList.toggle("kl-smooth", zoom * devicePixelRatio < 1);
      marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
    },
    /** Hatch the padding around the image and draw the image's border. */
    rim(height, width, padding) {
      if (!padding) return layers.rim.replaceChildren();
      const [h, w] = [height - 2 * padding, width - 2 * padding];
      const step = 7 / zoom;
      const pattern = svg("pattern", { id: hatch, width: step, height: step, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        svg("line", { class: "kl-hatch", x1: 0, y1: 0, x2: 0, y2: step, "stroke-width": step / 2.5 }));
      const inner = { x: padding, y: padding, width: w, height: h };
      layers.rim.replaceChildren(
        pattern,
        svg("path", { fill: `url(#${hatch})`, "fill-rule": "evenodd",
          d: `M0 0H${width}V${height}H0ZM${padding} ${padding}H${padding + w}V${padding + h}H${padding}Z` }),
        svg("rect", { class: "kl-border", ...inner }),
      );
    },
    /** Frame the pixels of `taps`, [row, column] each, with one line around all of them. */
    frame(taps) {
      const rows = taps.map(([r]) => r);
      const columns = taps.map(([, c]) => c);
      const [top, left] = [Math.min(...rows), Math.min(...columns)];
      const [height, width] = [Math.max(...rows) + 1 - top, Math.max(...columns) + 1 - left];
      const air = Math.max(1.5, 5 - (Math.min(height, width) * zoom) / 2) / zoom;
      const box = { x: left - air, y: top - air, width: width + 2 * air, height: height + 2 * air };
      const gaps = height * width > taps.length && zoom > 2;
      layers.frame.replaceChildren(
        ...(gaps ? taps.map(([r, c]) => svg("rect", { class: "kl-tap", x: c, y: r, width: 1, height: 1 })) : []),
        svg("rect", { class: "kl-under", ...box }),
        svg("rect", { class: "kl-frame", ...box }),
      );
    },
    write({ data, height, width, channels = 1 }, how = {}) {
      const fits = channels === 1 && height <= 2 * WRITTEN_OUT && width <= 2 * WRITTEN_OUT && zoom >= 25;
      if (!fits && !written) return;
      written = fits;
      const values = fits ? [...data.subarray(0, height * width)] : [];
      layers.numbers.replaceChildren(...values.map((value, i) =>
        svg("text", {
          x: (i % width) + 0.5, y: Math.floor(i / width) + 0.5, "font-size": Math.min(0.34, 13 / zoom),
          fill: colours(how.absolute ? Math.abs(value) : value, how).color,
        }, short(value))));
    },
    at(event) {
      const box = node.getBoundingClientRect();
      return [Math.floor((event.clientY - box.top) / zoom), Math.floor((event.clientX - box.left) / zoom)];
    },
  };
}

/** A table of k × k painted numbers, for reading. */
function numberTable(caption) {
  const body = el("tbody");
  const node = el("table", { class: "kl-table" }, el("caption", {}, caption), body);
  let cells = [];
  return {
    node,
    show(rows, write, how) {
      if (cells.length !== rows.length ** 2) {
        cells = rows.flat().map(() => el("td"));
        node.classList.toggle("kl-many", rows.length > 5);
        body.replaceChildren(...rows.map((_, r) => el("tr", {}, ...cells.slice(r * rows.length, (r + 1) * rows.length))));
      }
      rows.flat().forEach((value, i) => {
        cells[i].textContent = write(value);
        Object.assign(cells[i].style, colours(value, how));
      });
    },
  };
}

/** The kernel as a grid of fields: arrows walk, typing replaces, Enter commits, Escape restores, dragging changes. */
function kernelGrid({ get, change, root, scope = root, name = "" }) {
  const grid = el("div", { class: "kl-grid", role: "grid", "aria-label": `The ${name}kernel's weights` });
  const error = el("p", { id: uniqueId("error"), class: "cw-error kl-refused", role: "alert" });
  const node = el("div", {}, grid, error);
  let fields = [];
  let shown = [];
  let here = [0, 0];

  const field = ([r, c]) => fields[r]?.[c];
  const write = (value) => formatNumber(value, fields.length > 5 ? 3 : 4);
  const withWeight = ([r, c], value) => get().map((row, i) => row.map((old, j) => (i === r && j === c ? value : old)));
  const dirty = ([r, c]) => fields[r][c].input.value !== shown[r][c];

  /** Mark a field as refused, or as right again. The one place under the grid speaks of the refused field in use. */
  function refuse([r, c], sentence) {
    const one = fields[r][c];
    one.refused = sentence && `Row ${r + 1}, column ${c + 1}: ${sentence}`;
    mark(one.input, error, one.refused);
    tell();
  }
  function tell() {
    const sentence = field(here)?.refused ?? fields.flat().find((one) => one.refused)?.refused ?? "";
    setText(error, sentence);
  }

  function restore([r, c]) {
    fields[r][c].input.value = shown[r][c];
    refuse([r, c], null);
  }

  /** Take what was typed. Returns whether there is nothing wrong with it. */
  function take(place) {
    if (!dirty(place)) return restore(place), true;
    const { value, error: wrong } = parseNumber(field(place).input.value);
    const refused = wrong ?? change(withWeight(place, value));
    if (refused) refuse(place, refused);
    else restore(place);
    return !refused;
  }

  function go(place) {
    const { input } = field(place);
    input.focus();
    input.select();
  }

  /** A step that suits the size of the weights: 0.1 for weights of 1 to 9; a tenth of it with Shift. */
  function stepFor(fine) {
    const most = largest(get().flat()) || 1;
    const step = 10 ** Math.max(-4, Math.min(4, Math.floor(Math.log10(most) + 1e-9) - 1));
    return fine ? step / 10 : step;
  }
  function onGrid(value, step) {
    const rounded = Number((Math.round(value / step) * step).toPrecision(12));
    return Math.max(-LARGEST, Math.min(LARGEST, rounded));
  }

  function onkeydown(event) {
    const place = placeOf(event.target);
    if (!place || isCommand(event)) return;
    const last = fields.length - 1;
    const [r, c] = place;
    const arrow = arrowOf(event);
    if (arrow) {
      const next = [r + arrow[0], c + arrow[1]].map((at) => Math.max(0, Math.min(last, at)));
      if (take(place)) go(next);
    } else if (event.key === "Home" || event.key === "End") {
      if (take(place)) go([r, event.key === "Home" ? 0 : last]);
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      const step = stepFor(event.shiftKey);
      restore(place);
      change(withWeight(place, onGrid(get()[r][c] + (event.key === "PageUp" ? step : -step), step)), `step ${r} ${c}`);
      field(place).input.select();
    } else if (event.key === "Enter") {
      if (take(place)) field(place).input.select();
    } else if (event.key === "Escape") {
      restore(place);
      field(place).input.select();
    } else return;
    event.preventDefault();
  }

  const placeOf = (target) => (target.dataset?.place ? target.dataset.place.split(" ").map(Number) : null);

  let drag = null;
  node.addEventListener("keydown", onkeydown);
  node.addEventListener("focusin", (event) => {
    const place = placeOf(event.target);
    if (!place) return;
    field(here)?.input.setAttribute("tabindex", "-1");
    here = place;
    tell();
    event.target.setAttribute("tabindex", "0");
    if (!dirty(place)) event.target.select();
  });
  node.addEventListener("focusout", (event) => {
    const place = placeOf(event.target);
    if (place && field(place)?.input === event.target) take(place);
  });
  node.addEventListener("mousedown", (event) => {
    const place = placeOf(event.target);
    if (!place || event.button !== 0 || dirty(place)) return;
    event.preventDefault(); // no text selection while dragging
    go(place);
  });
  node.addEventListener("pointerdown", (event) => {
    const place = placeOf(event.target);
    if (!place || event.button !== 0) return;
    drag = { place, id: event.pointerId, x: event.clientX, moved: false, value: get()[place[0]][place[1]], gesture: uniqueId("drag") };
  });
  node.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    if (!event.buttons) return drop(event);
    const far = event.clientX - drag.x;
    if (!drag.moved && Math.abs(far) < PIXELS_PER_STEP) return;
    const { input } = field(drag.place);
    if (!drag.moved) {
      drag.moved = true;
      drag.coarse = stepFor(false); // the step stays the same while the weights change
      restore(drag.place);
      input.setPointerCapture(drag.id);
      root.classList.add("kl-dragging");
    }
    const step = event.shiftKey ? drag.coarse / 10 : drag.coarse;
    drag.value += (far / PIXELS_PER_STEP) * step;
    drag.x = event.clientX;
    change(withWeight(drag.place, onGrid(drag.value, step)), drag.gesture);
  });
  const drop = (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    drag = null;
    root.classList.remove("kl-dragging");
  };
  for (const name of ["pointerup", "pointercancel"]) node.addEventListener(name, drop);

  function build(size) {
    const held = node.contains(document.activeElement);
    here = here.map((at) => Math.min(at, size - 1));
    scope.style.setProperty("--size", size);
    fields = Array.from({ length: size }, (_, r) =>
      Array.from({ length: size }, (_, c) => ({
        input: el("input", {
          type: "text", autocomplete: "off", spellcheck: "false", "data-place": `${r} ${c}`,
          "aria-label": `${name}weight, row ${r + 1}, column ${c + 1}`, tabindex: r === here[0] && c === here[1] ? "0" : "-1",
        }),
        refused: null,
      })));
    shown = fields.map((row) => row.map(() => ""));
    grid.replaceChildren(...fields.map((row) =>
      el("div", { class: "kl-grid-row", role: "row" },
        ...row.map(({ input }) => el("div", { class: "kl-cell", role: "gridcell" }, input)))));
    tell();
    if (held) go(here);
  }

  return {
    node,
    dirty: () => fields.flat().some(({ input }) => input === document.activeElement) && dirty(here),
    restore: () => restore(here),
    /** Forget what was typed and refused, everywhere. */
    clear: () => fields.forEach((row, r) => row.forEach((_, c) => restore([r, c]))),
    show(kernel) {
      if (fields.length !== kernel.length) build(kernel.length);
      const how = tint(kernel);
      const changed = kernel.some((row, r) => row.some((weight, c) => shown[r][c] !== "" && shown[r][c] !== write(weight)));
      kernel.forEach((row, r) => row.forEach((weight, c) => {
        const { input } = fields[r][c];
        const untouched = input.value === shown[r][c];
        shown[r][c] = write(weight);
        if (untouched || (changed && input !== document.activeElement)) restore([r, c]);
        Object.assign(input.style, colours(weight, how));
      }));
    },
  };
}

/** The arithmetic of one output pixel: patch × kernel = products, their sum, the division. */
function arithmetic() {
  const title = el("h4");
  const tables = [numberTable("pixels under the kernel"), numberTable("kernel"), numberTable("products")];
  const line = el("p", { class: "kl-line" });
  const term = (sign, table) => el("div", { class: "kl-term" }, el("span", { "aria-hidden": "true" }, sign), table.node);
  return {
    node: el("section", { class: "kl-arithmetic" }, title,
      el("div", { class: "kl-equation" }, tables[0].node, term("×", tables[1]), term("=", tables[2])), line),
    show({ row, column, channel, patch, kernel, divisor, value, painted }) {
      const products = patch.map((line, r) => line.map((x, c) => x * kernel[r][c]));
      const sum = sumOf(products);
      title.textContent = `How the marked pixel comes about: row ${row}, column ${column}${channel && `, in ${channel}`}`;
      tables[0].show(patch, (x) => formatNumber(x, 3), {});
      tables[1].show(kernel, (x) => signed(x, 4), tint(kernel));
      tables[2].show(products, (x) => signed(products.length > 5 ? Number(x.toFixed(2)) : x, 3), tint(products));
      const divided = divisor === 1 ? "" : ` ÷ ${formatNumber(divisor)}`;
      const count = products.length ** 2;
      line.replaceChildren(
        `The ${count === 1 ? "product" : `${count} products sum`} ${count === 1 ? "is" : "to"} `, el("b", {}, signed(sum)),
        ...(divided ? [", divided by ", el("b", {}, formatNumber(divisor)), ":"] : [":"]), " output ", el("output", {}, signed(value)),
        painted,
      );
      return `Output row ${row}, column ${column}: ${count} products sum to ${signed(sum)}${divided}, output ${signed(value)}.`;
    },
  };
}

/** The same pixel as linear algebra: its column of unfold, its row of the matrix. */
function matrixView() {
  const rows = el("tbody");
  const column = el("table", { class: "kl-column" },
    el("caption", {}, "unfold column"),
    el("thead", {}, el("tr", {}, ...["place", "pixel", "weight"].map((text) => el("th", { scope: "col" }, text)))), rows);
  const canvas = el("canvas", { role: "img" });
  const here = el("div", { class: "kl-here", "aria-hidden": "true" });
  const whole = el("div", { class: "kl-matrix" });
  const about = el("p");
  const strip = el("div", { class: "kl-strip" });
  const row = el("section", { class: "kl-matrix-row" }, el("h4", {}, "The same pixel as one row of a matrix"), about, el("div", { class: "kl-beside" }, whole, strip));
  return {
    column: el("div", { class: "kl-column-box", tabindex: "0", role: "region", "aria-label": "unfold column" }, column),
    row,
    show({ state, picture, weights, size, pixel, patch }) {
      const side = state.kernel.length;
      rows.replaceChildren(...patch.flat().map((value, n) => {
        const cell = el("td", {}, formatNumber(value, 3));
        Object.assign(cell.style, colours(value));
        return el("tr", {}, el("td", {}, String(n)), cell, el("td", {}, signed(weights[Math.floor(n / side)][n % side], 3)));
      }));
      const { height, width } = picture;
      const [outHeight, outWidth] = size;
      const small = Math.max(height, width) <= WRITTEN_OUT;
      const numbers = `${outHeight * outWidth} × ${height * width}`;
      whole.hidden = strip.hidden = !small;
      whole.replaceChildren(...(small ? [canvas, here] : []));
      if (!small) {
        about.textContent = `The whole convolution is one ${numbers} matrix: too large to write down. Take an image of at most ${WRITTEN_OUT} × ${WRITTEN_OUT} pixels to see it.`;
        return;
      }
      const matrixRow = (r, c) => {
        const line = new Float64Array(height * width);
        weights.forEach((ws, a) => ws.forEach((weight, b) => {
          const y = source(r * state.stride + a * state.dilation, height, state.padding, state.padding_mode);
          const x = source(c * state.stride + b * state.dilation, width, state.padding, state.padding_mode);
          if (x >= 0 && y >= 0) line[y * width + x] += weight;
        }));
        return line;
      };
      const all = new Float64Array(outHeight * outWidth * height * width);
      for (let i = 0; i < outHeight * outWidth; i++) {
        all.set(matrixRow(Math.floor(i / outWidth), i % outWidth), i * height * width);
      }
      const limit = largest(all) || 1;
      const how = { low: -limit, high: limit, signed: true };
      paint(canvas, all, outHeight * outWidth, height * width, how);
      const index = pixel[0] * outWidth + pixel[1];
      const line = matrixRow(...pixel);
      const used = line.filter((weight) => weight !== 0).length;
      about.textContent = `Flatten the image into ${height * width} numbers. The whole convolution is a ${numbers} matrix, and row ${index} of it gives this pixel: ${used} numbers that are not 0, ${line.length - used} zeros. It is marked, and written out with a new line after every ${width} numbers.`;
      canvas.setAttribute("aria-label", `The ${numbers} matrix, mostly zeros; row ${index} is marked.`);
      here.style.top = `${(100 * index) / (outHeight * outWidth)}%`;
      here.style.height = `${100 / (outHeight * outWidth)}%`;
      strip.replaceChildren(...Array.from({ length: height }, (_, r) =>
        el("span", { class: "kl-run" }, ...[...line.subarray(r * width, (r + 1) * width)].map((weight) => {
          const cell = el("span", {}, short(weight));
          Object.assign(cell.style, colours(weight, tint(weights)));
          return cell;
        }))));
    },
  };
}

/** The three channels of a result beside each other; one of them is the one whose arithmetic is shown. */
function channelMaps(choose) {
  const maps = CHANNELS.map((name, n) => {
    const one = screen();
    const button = el("button", { type: "button", "aria-label": `Show the arithmetic of the ${name} channel`, onclick: () => choose(n) }, name);
    return { ...one, button, figure: el("figure", {}, el("figcaption", {}, button), one.node) };
  });
  const node = el("div", { class: "kl-maps", role: "group", "aria-label": "The result of each channel", hidden: true });
  let shown = null;
  const fit = () => shown && fitAll(maps, shown, node);
  return {
    node,
    fit,
    show(result, how, chosen) {
      const fresh = node.hidden || shown?.height !== result.height || shown?.width !== result.width;
      node.hidden = result.channels === 1;
      if (node.hidden !== !node.firstChild) node.replaceChildren(...(node.hidden ? [] : maps.map(({ figure }) => figure)));
      shown = node.hidden ? null : result;
      if (!shown) return;
      const size = result.height * result.width;
      maps.forEach(({ canvas, button }, n) => {
        paint(canvas, result.data.subarray(n * size, (n + 1) * size), result.height, result.width, how);
        button.setAttribute("aria-pressed", String(n === chosen));
      });
      if (fresh) fit();
    },
  };
}

/** Give each screen of a row the same size: as large as a share of the row allows, and not larger than needed. */
function fitAll(screens, { height, width }, row) {
  const room = Math.max(90, Math.min(row.clientWidth / screens.length - 12, 230));
  const zoom = Math.min(room / width, 230 / height, 32);
  screens.forEach((one) => one.fit(height, width, zoom >= 4 ? Math.floor(zoom) : zoom));
}

/** The second kernel: its grid, the result of both kernels one after the other, and of the merged one at once. */
function secondKernel({ get, change, root, presets }) {
  const box = el("input", { type: "checkbox", onchange: () => {
    const refused = change(box.checked ? { second: last, second_divisor: divides } : { second: null });
    complain(box, error, refused);
    box.checked = get().second !== null;
  } });
  const error = el("p", { id: uniqueId("error"), class: "cw-error", role: "alert", hidden: true });
  const toggle = el("div", { class: "cw-field kl-second-on" }, el("label", { class: "kl-check" }, box, "then a second kernel"), error);
  const node = el("section", { class: "kl-second", "aria-label": "A second kernel", hidden: true });
  let last = [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]];
  let divides = 1;
  let parts = null;
  let sizes = null;

  function build() {
    const scope = el("div");
    const preset = choice("Second one", [["", "your own"], ...presets.map(({ name }) => [name, name])], (name) => {
      if (!name) return null;
      const { kernel, divisor } = presets.find((one) => one.name === name);
      grid.clear();
      return change({ second: kernel.map((row) => [...row]), second_divisor: divisor });
    });
    const options = Array.from({ length: LARGEST_KERNEL }, (_, i) => [String(i + 1), `${i + 1} × ${i + 1}`]);
    const size = choice("Its size", options, (k) => change({ second: resized(get().second, Number(k)) }));
    const grid = kernelGrid({ get: () => get().second, change: (second, of) => change({ second }, of && `second ${of}`), root, scope, name: "second " });
    const divisor = divisorField("Divide its sum by", (value) => change({ second_divisor: value }));
    scope.append(el("div", { class: "kl-pair" }, preset.node, size.node), grid.node, divisor.node);
    const maps = ["After both", "Merged, at once", "Their difference"].map((title) => {
      const one = screen();
      one.node.setAttribute("role", "img");
      return { ...one, title, figure: el("figure", {}, el("figcaption", {}, el("h4", {}, title)), one.node) };
    });
    const table = screen();
    table.node.setAttribute("role", "img");
    const caption = el("h4");
    const row = el("div", { class: "kl-maps" }, ...maps.map(({ figure }) => figure));
    const said = el("p", { class: "kl-apart", role: "status" });
    node.replaceChildren(
      scope,
      el("div", {}, row, said, el("figure", {}, el("figcaption", {}, caption), table.node)),
    );
    return { preset, size, grid, divisor, maps, table, caption, row, said };
  }

  function fit() {
    if (!parts || node.hidden) return;
    fitAll(parts.maps, sizes.both, parts.row);
    const { length } = sizes.kernel;
    const zoom = Math.max(8, Math.min(48, Math.floor((node.clientWidth - 8) / length), Math.floor(360 / length)));
    parts.table.fit(length, length, zoom);
    writeTable();
  }
  function writeTable() {
    const { length } = sizes.kernel;
    parts.table.write({ data: Float64Array.from(sizes.kernel.flat()), height: length, width: length }, tint(sizes.kernel));
  }

  return {
    toggle,
    node,
    fit,
    forget: () => {
      complain(box, error, null);
      if (!node.hidden) parts.grid.clear(), parts.divisor.restore();
    },
    /** Compute and paint. Returns the two results, both after the other and merged. */
    show(now, picture, first, weights, how) {
      const { second, second_divisor: by, padding, padding_mode: mode } = now;
      const opened = node.hidden;
      box.checked = second !== null;
      node.hidden = second === null;
      if (!second) return null;
      complain(box, error, null);
      parts ??= build();
      [last, divides] = [second, by];
      const share = second.map((line) => line.map((weight) => weight / by));
      const both = convolve(pad(first, padding, mode), share);
      const kernel = merged(weights, share);
      const once = convolve(pad(picture, 2 * padding, mode), kernel);
      const gap = apart(both, once, padding);
      const most = Math.max(largest(both.data), largest(once.data));
      const paints = how(most);
      const wide = { low: -(gap.most.rim || 1), high: gap.most.rim || 1, signed: true };
      [[both, paints], [once, paints], [gap, wide]].forEach(([map, paints], n) => {
        const { canvas, node: figure, title } = parts.maps[n];
        paintResult(canvas, map, paints);
        figure.setAttribute("aria-label", `${title}, ${map.height} × ${map.width} pixels.`);
      });
      const length = kernel.length;
      parts.caption.textContent = `The merged kernel, ${length} × ${length}`;
      paint(parts.table.canvas, Float64Array.from(kernel.flat()), length, length, tint(kernel));
      parts.table.node.setAttribute("aria-label", `The merged kernel, row by row: ${kernel.map((line) => line.map((w) => formatNumber(w, 3)).join(" ")).join("; ")}.`);
      setText(parts.said, agreement(gap.most, padding, most));
      const known = presets.find((one) => one.divisor === by && equal(one.kernel, second));
      parts.preset.show(known?.name ?? "");
      parts.size.show(String(second.length));
      parts.grid.show(second);
      parts.divisor.show(by);
      const fresh = opened || sizes.both.height !== both.height || sizes.both.width !== both.width || sizes.kernel.length !== length;
      sizes = { both, kernel };
      if (fresh) fit(); // it asks the page for its layout, which takes longer than all the rest
      else writeTable();
      return { both, once };
    },
  };
}

/** Whether both ways gave the same, in words. */
function agreement({ inside, rim }, padding, most) {
  const none = 1e-9 * (most || 1); // what is smaller is rounding
  if (inside > none) return `The two differ by up to ${formatNumber(inside, 3)} inside: that should not be.`;
  if (!padding) return "The two are equal everywhere: two kernels one after the other are one kernel.";
  const pixels = `${padding} ${padding === 1 ? "pixel" : "pixels"}`;
  if (rim > none) {
    return `Inside, the two are equal. In a rim of ${pixels} they differ by up to ${formatNumber(rim, 3)}: there, the second kernel reads padding where the merged one reads the picture.`;
  }
  return `Inside, the two are equal; here even in the rim of ${pixels}.`;
}

/** What the sum of products is divided by, as a field. */
function divisorField(label, commit) {
  return numberField(label, {
    parse: parseNumber,
    write: (value) => formatNumber(value, 6),
    commit: (value) => {
      if (value === 0) return "0 cannot divide: type another number.";
      if (Math.abs(value) < SMALLEST_DIVISOR) return "Too small: a divisor is at least 0.000001 in size.";
      return commit(value);
    },
  });
}

// ---- a picture of one's own ---------------------------------------------------------------------------------------

/** The height and width that a PNG, JPEG or WebP file says of itself; null when it is none of them. */
function sizeInHeader(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (from, to) => String.fromCharCode(...bytes.subarray(from, to));
  try {
    if (text(1, 4) === "PNG" && bytes[0] === 0x89) return [view.getUint32(20), view.getUint32(16)];
    if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") {
      const kind = text(12, 16);
      if (kind === "VP8X") return [27, 24].map((at) => (view.getUint16(at, true) | (bytes[at + 2] << 16)) + 1);
      if (kind === "VP8L") return [(view.getUint32(21, true) >>> 14) & 0x3fff, view.getUint32(21, true) & 0x3fff].map((n) => n + 1);
      return [view.getUint16(28, true) & 0x3fff, view.getUint16(26, true) & 0x3fff];
    }
    if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
    for (let at = 2; ; at += 2 + view.getUint16(at + 2)) {
      const kind = bytes[at + 1];
      if (kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind)) return [view.getUint16(at + 5), view.getUint16(at + 7)];
    }
  } catch {
    return null; // the file ends too early
  }
}

/** Scale what can be drawn to at most LARGEST_SIDE pixels a side, on white: bytes by channel, and whether it let light through. */
function pixelsOf(drawable, [fullHeight, fullWidth]) {
  const scale = Math.min(1, LARGEST_SIDE / Math.max(fullHeight, fullWidth));
  const [height, width] = [fullHeight, fullWidth].map((side) => Math.max(1, Math.round(side * scale)));
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(drawable, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const size = height * width;
  const bytes = new Uint8Array(3 * size);
  let [transparent, coloured] = [false, false];
  for (let i = 0; i < size; i++) {
    const alpha = data[4 * i + 3];
    for (let c = 0; c < 3; c++) bytes[c * size + i] = Math.round((data[4 * i + c] * alpha + 255 * (255 - alpha)) / 255);
    transparent ||= alpha < 255;
    coloured ||= bytes[i] !== bytes[size + i] || bytes[i] !== bytes[2 * size + i];
  }
  return { height, width, channels: coloured ? 3 : 1, data: coloured ? bytes : bytes.slice(0, size), transparent };
}

/** Buttons for a file, for the camera and back. `take` gets a picture, or null for the first, and returns a sentence or null. */
function ownPicture(take) {
  const said = el("p", { class: "kl-picture", role: "status" });
  const error = el("p", { class: "cw-error kl-picture", role: "alert" });
  const input = el("input", { type: "file", accept: "image/png,image/jpeg,image/webp", hidden: true, "aria-label": "A picture file" });
  const button = (text, onclick) => el("button", { type: "button", onclick }, text);
  const file = button("Choose a picture…", () => input.click());
  const camera = button("Use the camera", open);
  const back = button("Back to the first picture", () => {
    turn++;
    const refused = take(null);
    tell("", refused ?? "");
    back.hidden = !refused;
    if (!refused) file.focus();
  });
  back.hidden = true;
  const video = el("video", { playsinline: true, muted: true, "aria-label": "What the camera sees" });
  const shoot = button("Take this picture", shot);
  shoot.className = "cw-primary";
  const cancel = button("Cancel", () => {
    close(true);
    tell("");
  });
  const live = el("div", { class: "kl-camera", hidden: true, onkeydown: (event) => event.key === "Escape" && cancel.click() }, video, el("div", {}, shoot, " ", cancel));
  let stream = null;
  let turn = 0; // of several choices the last one counts

  const tell = (text, wrong = "") => {
    said.textContent = text;
    error.textContent = wrong;
  };
  function use(drawable, [height, width], name) {
    const { transparent, ...pixels } = pixelsOf(drawable, [height, width]);
    const refused = take(pixels);
    if (refused) return tell("", refused);
    back.hidden = false;
    const scaled = pixels.height === height && pixels.width === width ? "" : `, scaled to ${pixels.height} × ${pixels.width}`;
    tell(`${name}: ${height} × ${width} pixels${scaled}.${transparent ? " What is transparent was laid on white." : ""}${pixels.channels === 1 ? " It has no colours." : ""}`);
  }

  async function read(chosen) {
    const mine = ++turn;
    const name = `"${chosen.name}"`;
    if (chosen.size > LARGEST_FILE * 1e6) {
      return tell("", `${name} has ${Math.round(chosen.size / 1e6)} MB; a picture file may have ${LARGEST_FILE} MB. Save it smaller.`);
    }
    tell(`Reading ${name} …`);
    const size = sizeInHeader(new Uint8Array(await chosen.arrayBuffer()));
    if (mine !== turn) return;
    if (!size) return tell("", `${name} is not a PNG, JPEG or WebP picture: choose another file.`);
    if (size[0] * size[1] > LARGEST_PICTURE * 1e6) {
      return tell("", `${name} has ${size[0]} × ${size[1]} pixels; at most ${LARGEST_PICTURE} million can be read. Save it smaller.`);
    }
    let bitmap;
    try {
      bitmap = await createImageBitmap(chosen, { imageOrientation: "from-image" });
    } catch {
      return mine === turn && tell("", `${name} cannot be read: the file is damaged or incomplete.`);
    }
    if (mine === turn) use(bitmap, [bitmap.height, bitmap.width], name);
    bitmap.close();
  }
  input.addEventListener("change", () => {
    const [chosen] = input.files;
    input.value = ""; // so that the same file can be chosen again
    if (chosen) read(chosen);
  });

  async function open() {
    if (!navigator.mediaDevices?.getUserMedia) {
      return tell("", "This page may not use a camera: a browser gives it only to pages from https or from this computer. Choose a file.");
    }
    const mine = ++turn;
    close(false);
    tell("Waiting for the camera …");
    try {
      const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (mine !== turn) return opened.getTracks().forEach((track) => track.stop());
      stream = video.srcObject = opened;
      video.muted = true;
      live.hidden = false;
      await video.play();
      tell("");
      shoot.focus();
    } catch (problem) {
      if (mine !== turn) return;
      close(true);
      const why = {
        NotAllowedError: "The camera was refused: allow it in the browser, or choose a file.",
        NotFoundError: "No camera was found: choose a file.",
        NotReadableError: "The camera is in use by another program: close that one, or choose a file.",
      };
      tell("", why[problem.name] ?? `The camera did not start (${problem.name}): choose a file.`);
    }
  }
  function shot() {
    if (!video.videoWidth) return;
    use(video, [video.videoHeight, video.videoWidth], "Your photo");
    close(true);
  }
  function close(back) {
    if (back) turn++;
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
    if (back && live.contains(document.activeElement)) camera.focus();
    live.hidden = true;
  }
  return {
    node: el("div", { class: "cw-field" }, el("span", { class: "kl-label" }, "Picture"), el("div", { class: "kl-buttons" }, file, camera, back, input)),
    below: el("div", {}, live, said, error),
    close: () => close(true),
  };
}

// ---- the widget ---------------------------------------------------------------------------------------------------

function render({ model, el: host }) {
  const root = mount(host, model, "Kernel lab");
  root.classList.add("kernel-lab");
  const save = saver(model);
  const state = () => Object.fromEntries([...EDITS, "probe"].map((name) => [name, model.get(name)]));
  const edits = (of) => Object.fromEntries(EDITS.map((name) => [name, of[name]]));
  const presets = model.get("_presets");

  let picture = null; // what the kernel slides over: `full`, or its grey
  let full = null;
  let grey = null;
  let mine = false; // whether it was chosen here
  let padded = null; // with the settings it was made from
  let result = null;
  let hover = null;
  let own = false; // true while this view itself changes the model
  let shown = null; // the settings that are on the screen
  let gesture = null;
  const undone = [];
  const done = [];

  /** Change settings, if they go together: on the screen at once, one step of undo for each `of` in a row. */
  function change(patch, of = null) {
    const now = state();
    const next = { ...now, ...patch };
    const refused = refusal(next, full);
    if (refused) return refused;
    if (equal(edits(next), edits(now))) return null;
    if (of === null || of !== gesture) done.push(edits(now));
    gesture = of;
    undone.length = 0;
    put(next);
    return null;
  }

  function put(next) {
    const [height, width] = outputSize(next, full);
    const probe = [Math.min(next.probe[0], height - 1), Math.min(next.probe[1], width - 1)];
    own = true;
    for (const [name, value] of Object.entries({ ...next, probe })) {
      if (!equal(value, model.get(name))) model.set(name, value);
    }
    own = false;
    draw();
    save();
  }

  function step(from, to) {
    if (!from.length) return;
    const now = state();
    const next = { ...now, ...from.at(-1) };
    if (refusal(next, full)) return;
    from.pop();
    to.push(edits(now));
    gesture = null;
    forget();
    put(next);
  }

  // -- the kernel
  const preset = choice("Kernel", [["", "your own"], ...presets.map(({ name }) => [name, name])], (name) => {
    if (!name) return null;
    const { kernel, divisor, normalise, display } = presets.find((one) => one.name === name);
    grid.clear();
    return change({ kernel: kernel.map((row) => [...row]), divisor, normalise, display });
  });
  const sizes = Array.from({ length: LARGEST_KERNEL }, (_, i) => [String(i + 1), `${i + 1} × ${i + 1}`]);
  const size = choice("Size", sizes, (k) => change({ kernel: resized(state().kernel, Number(k)) }));
  const grid = kernelGrid({ get: () => state().kernel, change: (kernel, of) => change({ kernel }, of), root });
  const sees = el("p", { class: "kl-sees", role: "status" });
  const divisor = divisorField("Divide the sum by", (value) => change({ divisor: value }));
  const normalise = el("input", { type: "checkbox", onchange: () => change({ normalise: normalise.checked }) });
  const note = el("p", { class: "kl-note", role: "status" });

  // -- the settings
  const whole = (name) => wholeField(name[0].toUpperCase() + name.slice(1), model.get("_ranges")[name], (value) => change({ [name]: value }));
  const [stride, padding, dilation] = ["stride", "padding", "dilation"].map(whole);
  const fields = [divisor, stride, padding, dilation];
  const named = (names) => names.map((name) => [name, name]);
  const mode = choice("Padding with", named(["zeros", "reflect", "replicate", "circular"]), (value) => change({ padding_mode: value }));
  const display = choice("Show it", Object.entries(DISPLAYS), (value) => change({ display: value }));

  // -- the buttons
  const button = (text, onclick, attributes = {}) => el("button", { type: "button", onclick, ...attributes }, text);
  const undo = button("Undo", () => step(done, undone), { title: "Ctrl+Z" });
  const redo = button("Redo", () => step(undone, done), { title: "Ctrl+Shift+Z" });
  const forget = () => {
    grid.clear();
    fields.forEach((field) => field.restore());
    pair.forget();
  };
  const reset = button("Reset", () => {
    forget();
    said.textContent = change(edits(model.get("_start"))) ?? "";
  });
  const copy = button("Copy as torch", copyCode);
  const said = el("span", { class: "kl-said", role: "status" });
  const code = el("textarea", { class: "kl-code", readonly: true, rows: "12", hidden: true, "aria-label": "The same as torch code" });

  async function copyCode() {
    const inColour = picture.channels === 3;
    const { channels, height, width } = picture;
    const chosen = `# image: a float tensor (${channels}, ${height}, ${width}) with values in [0, 1]`;
    code.value = torchCode(state(), mine ? chosen : model.get("_image_code")[Number(inColour)], inColour);
    try {
      await navigator.clipboard.writeText(code.value);
      code.hidden = true;
      said.textContent = "Copied.";
    } catch {
      code.hidden = false;
      code.focus();
      code.select();
      said.textContent = "Press Ctrl+C to copy the selected code.";
    }
  }

  // -- the two pictures
  const before = screen();
  const after = screen();
  const beforeSize = el("span", { class: "kl-muted" });
  const afterSize = el("span", { class: "kl-muted" });
  const legend = { bar: el("canvas"), low: el("span"), middle: el("span"), high: el("span") };
  legend.node = el("div", { class: "kl-legend", "aria-hidden": "true" }, legend.bar, el("div", {}, legend.low, legend.middle, legend.high));
  const voice = speaker();
  const help = el("span", { class: "cw-hidden", id: uniqueId("help") }, "Arrow keys choose the pixel whose arithmetic is shown below; with Shift ten pixels at a time.");
  before.node.setAttribute("role", "img");
  for (const [name, value] of Object.entries({ role: "application", tabindex: "0", "aria-describedby": help.id, "aria-roledescription": "picture" })) {
    after.node.setAttribute(name, value);
  }
  after.node.classList.add("kl-result");

  const inside = ([r, c]) => [Math.max(0, Math.min(result.height - 1, r)), Math.max(0, Math.min(result.width - 1, c))];
  function pin(pixel) {
    const probe = inside(pixel);
    hover = null;
    if (!equal(probe, model.get("probe"))) {
      own = true;
      model.set("probe", probe);
      own = false;
      save();
    }
    drawProbe();
  }
  after.node.addEventListener("pointermove", (event) => {
    if (event.buttons & 1) return pin(after.at(event));
    hover = inside(after.at(event));
    drawProbe();
  });
  after.node.addEventListener("pointerleave", () => {
    hover = null;
    drawProbe();
  });
  after.node.addEventListener("pointerdown", (event) => {
    if (event.button === 0) pin(after.at(event));
  });
  after.node.addEventListener("keydown", (event) => {
    const arrow = arrowOf(event);
    if (!arrow) return;
    event.preventDefault();
    const by = event.shiftKey ? 10 : 1;
    pin(model.get("probe").map((at, axis) => at + by * arrow[axis]));
  });

  root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    const typed = fields.find((field) => field.input === document.activeElement && field.dirty());
    if (key === "z" && !event.shiftKey && grid.dirty()) grid.restore();
    else if (key === "z" && !event.shiftKey && typed) typed.restore();
    else if (key === "z" && !event.shiftKey) step(done, undone);
    else step(undone, done);
  });

  const sum = arithmetic();
  const matrix = matrixView();
  const beforeColumn = el("figure", { class: "kl-before" }, el("figcaption", {}, el("h4", {}, "Image"), beforeSize), before.node);
  const afterColumn = el("figure", { class: "kl-after" }, el("figcaption", {}, el("h4", {}, "Result"), afterSize), after.node,
    legend.node, display.node);
  const colour = choice("Colours", [["false", "as grey"], ["true", "each channel by itself"]], (value) => change({ colour: value === "true" }));
  const planes = channelMaps((n) => {
    own = true;
    model.set("channel", n);
    own = false;
    save();
    draw();
  });
  const pair = secondKernel({ get: state, change, root, presets });
  const start = model.get("image");
  const chooser = ownPicture((next) => {
    const refused = refusal(state(), next ?? start);
    if (refused) return next ? `This picture has ${next.height} × ${next.width} pixels. ${refused}` : refused;
    own = true;
    model.set("image", next ?? { ...start, data: bytesOf(start.data) });
    own = false;
    mine = true;
    takePicture();
    put(state());
    return null;
  });
  const bottom = el("div", { class: "kl-bottom" }, sum.node, matrix.column);
  root.append(
    el("div", { class: "kl-bar" }, preset.node, size.node, el("div", { class: "kl-buttons" }, undo, redo, reset, copy, said)),
    sees,
    code,
    el("div", { class: "kl-stage" },
      beforeColumn,
      el("div", { class: "kl-kernel" },
        el("p", { class: "kl-first" }, el("span", { "aria-hidden": "true" }, "↔ "), "Drag a number, or type into it."),
        grid.node,
        el("div", { class: "kl-divide" }, divisor.node, el("label", { class: "kl-check" }, normalise, "by the sum of the weights")),
        note),
      afterColumn),
    planes.node,
    el("div", { class: "kl-settings" }, stride.node, padding.node, mode.node, dilation.node),
    el("div", { class: "kl-settings" }, chooser.node, colour.node, pair.toggle),
    chooser.below, pair.node, bottom, matrix.row, help, voice.node,
  );

  // -- painting
  function how() {
    const { display } = state();
    if (display === "clip") return {};
    return howFor(display, result.most);
  }
  function howFor(display, largest) {
    const most = largest || 1;
    return display === "signed" ? { low: -most, high: most, signed: true } : { high: most, absolute: true };
  }

  function draw() {
    const now = state();
    if (refusal(now, full)) return; // between two changes from Python
    shown = edits(now);
    picture = now.colour ? full : (grey ??= greyOf(full));
    const key = [now.padding, now.padding_mode];
    const fresh = !padded || padded.of !== picture || !equal(padded.key, key);
    if (fresh) padded = { ...pad(picture, ...key), of: picture, key };
    const by = dividesBy(now);
    const weights = now.kernel.map((row) => row.map((weight) => weight / by));
    result = convolve(padded, weights, now.stride, now.dilation);
    result.most = now.display === "clip" ? 0 : largest(result.data);
    result.weights = weights;
    root.result = result;
    if (fresh) paintResult(before.canvas, padded);
    const paints = how();
    paintResult(after.canvas, result, paints);
    planes.show(result, paints, model.get("channel"));
    root.pair = pair.show(now, picture, result, weights, (largest) => (now.display === "clip" ? {} : howFor(now.display, largest)));
    drawLegend(paints);
    drawControls(now, by);
    if (fresh || drawn.height !== result.height || drawn.width !== result.width) fit();
    else after.write(result, paints);
    drawProbe();
  }

  function drawLegend(paints) {
    const { low = 0, high = 1, signed: both = false } = paints;
    const ramp = Float64Array.from({ length: 256 }, (_, i) => low + ((high - low) * i) / 255);
    paint(legend.bar, ramp, 1, 256, { low, high, signed: both && result.channels === 1 });
    const clip = state().display === "clip";
    legend.low.textContent = `${clip ? "≤ " : ""}${signed(low, 3)}`;
    legend.middle.textContent = both ? "0" : "";
    legend.high.textContent = `${clip ? "≥ 1" : both ? signed(high, 3) : formatNumber(high, 3)}`;
  }

  function drawControls(now, by) {
    const known = presets.find((one) => !now.normalise && one.divisor === now.divisor && equal(one.kernel, now.kernel));
    preset.show(known?.name ?? "");
    setText(sees, known?.sees ?? "A kernel of your own. What does it see?");
    size.show(String(now.kernel.length));
    grid.show(now.kernel);
    divisor.show(now.normalise ? by : now.divisor);
    divisor.input.disabled = now.normalise;
    normalise.checked = now.normalise;
    const nothing = now.normalise && Math.abs(sumOf(now.kernel)) < SMALLEST_DIVISOR;
    setText(note, nothing ? "The weights sum to 0: there is nothing to divide by, so the sum is divided by 1." : "");
    stride.show(now.stride);
    padding.show(now.padding);
    dilation.show(now.dilation);
    mode.show(now.padding_mode);
    colour.show(String(now.colour));
    colour.select.disabled = full.channels === 1;
    display.show(now.display);
    display.select.options[0].textContent = result.channels === 3 ? "signed: grey is 0" : DISPLAYS.signed;
    undo.disabled = !done.length;
    redo.disabled = !undone.length;
    beforeSize.textContent = `${padded.height} × ${padded.width}${now.padding ? " padded" : ""}`;
    afterSize.textContent = `${result.height} × ${result.width}`;
    before.node.setAttribute("aria-label", `The image, ${beforeSize.textContent} pixels. The patch under the kernel is marked.`);
    after.node.setAttribute("aria-label", `The result, ${result.height} × ${result.width} pixels, ${DISPLAYS[now.display]}.`);
    if (said.textContent === "Copied.") said.textContent = "";
  }

  let drawn = {};
  /** Give both pictures the largest size that their column has room for; a pixel of the result covers a stride. */
  function fit() {
    const room = beforeColumn.clientWidth;
    if (!room || !result) return;
    const most = (height, width) => {
      const zoom = Math.min(room / width, 340 / height, 48);
      return zoom >= 4 ? Math.floor(zoom) : zoom;
    };
    const zoom = most(padded.height, padded.width);
    before.fit(padded.height, padded.width, zoom);
    before.rim(padded.height, padded.width, state().padding);
    before.write(padded);
    after.fit(result.height, result.width, Math.min(zoom * state().stride, most(result.height, result.width)));
    after.write(result, how());
    legend.node.style.width = after.node.style.width;
    drawn = { height: result.height, width: result.width };
  }

  function drawProbe() {
    const now = state();
    const [row, column] = inside(hover ?? now.probe);
    const places = now.kernel.map((line, a) => line.map((_, b) => [row * now.stride + a * now.dilation, column * now.stride + b * now.dilation]));
    const plane = result.channels === 3 ? model.get("channel") : 0;
    const patch = places.map((line) => line.map(([r, c]) => padded.data[(plane * padded.height + r) * padded.width + c]));
    const value = result.data[(plane * result.height + row) * result.width + column];
    before.frame(places.flat());
    after.frame([[row, column]]);
    let painted = ".";
    if (now.display === "clip" && value < 0) painted = ", painted as 0.";
    if (now.display === "clip" && value > 1) painted = ", painted as 1.";
    if (now.display === "absolute" && value < 0) painted = ", painted without its sign.";
    const text = sum.show({ row, column, channel: result.channels === 3 ? CHANNELS[plane] : "", patch, kernel: now.kernel, divisor: dividesBy(now), value, painted });
    const more = model.get("show_matrix");
    matrix.column.hidden = matrix.row.hidden = !more;
    if (more) {
      matrix.show({ state: now, picture, weights: result.weights, size: [result.height, result.width], pixel: [row, column], patch });
    }
    voice.say(text);
  }

  // -- what comes from Python, or from another view of the same lab
  const follow = painter(() => {
    const now = state();
    if (shown && !refusal(now, full) && !equal(edits(now), shown)) {
      done.push(shown);
      undone.length = 0;
      gesture = null;
    }
    draw();
  });
  const changed = () => own || follow();
  const takePicture = () => {
    full = pictureFrom(model.get("image"));
    grey = null;
    done.length = undone.length = 0;
    shown = null;
  };
  const newPicture = () => {
    if (own) return;
    mine = false;
    takePicture();
    follow();
  };
  const watched = [...EDITS, "probe", "show_matrix", "channel"];
  for (const name of watched) model.on(`change:${name}`, changed);
  model.on("change:image", newPicture);

  takePicture();
  draw();
  const resize = new ResizeObserver(() => {
    fit();
    planes.fit();
    pair.fit();
    if (result) drawProbe();
  });
  resize.observe(beforeColumn);
  return () => {
    resize.disconnect();
    chooser.close();
    voice.stop();
    for (const name of watched) model.off(`change:${name}`, changed);
    model.off("change:image", newPicture);
  };
}

export default { render };
