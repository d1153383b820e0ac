const SIDE = 28;
const CELL = 56; // pixels of the screen that a feature map is shown with
const GAP = 4;
const BRUSH = 2; // pixels from the middle of a stroke to where it ends; the last one fades

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
  let pixels = floats(get("pixels"));
  let cursor = [14, 14]; // row, column
  let pen = null; // where the pen is while it draws
  let sent = null; // what Python was last given from here
  let waiting = null; // the timer of a question that Python has not answered
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
    return { node: el("li", {}, sign, el("span", { class: "dd-digit" }, String(digit)), el("span", { class: "dd-bar", "aria-hidden": "true" }, fill), number), sign, fill, number };
  });
  const layers = el("div", { class: "dd-layers" });
  const hidden = el("p", { class: "dd-hidden" });
  const scale = el("p", { class: "dd-scale" }, "Blue is negative, white is zero, red is positive; each layer has its own scale.");
  root.append(
    el("div", { class: "dd-stage" },
      el("div", {}, el("div", { class: "dd-board" }, canvas, frame), clear),
      el("div", { class: "dd-answer" }, guess, error, el("ol", { class: "dd-bars", "aria-label": "Probability of each digit" }, ...bars.map((bar) => bar.node)))),
    keys, place, el("h4", {}, "Feature maps"), scale, layers, hidden);

  const known = () => same(pixels, floats(get("_seen").pixels));

  /** Ask Python about the newest pixels, unless it knows them or has not yet answered about older ones. */
  function ask() {
    if (waiting !== null || known()) return;
    sent = pixels.slice();
    waiting = setTimeout(() => {
      guess.textContent = "Python is busy with another cell, or does not answer. Your drawing is kept.";
    }, 4000);
    model.set("pixels", new DataView(sent.buffer));
    model.save_changes();
  }
  function receive() {
    clearTimeout(waiting);
    waiting = null;
    repaint();
    ask();
  }
  function changed() {
    root.setAttribute("data-waiting", ++changes); // until the answer about these pixels is painted
    repaint();
    ask();
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
    sent = null;
    pixels = given;
    repaint();
  }

  // By mouse and finger.
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pen = under(event);
    canvas.setPointerCapture(event.pointerId);
    draw(pen, pen);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pen) return;
    const to = under(event);
    draw(pen, to);
    pen = to;
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (pen = null));

  // By keyboard.
  const middle = () => [cursor[1] + 0.5, cursor[0] + 0.5];
  canvas.addEventListener("keydown", (event) => {
    const by = ARROWS[event.key];
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
    context.imageSmoothingEnabled = false;
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
    const seen = get("_seen");
    if (known()) root.removeAttribute("data-waiting");
    if (painted === seen) return;
    painted = seen;
    error.textContent = seen.error ?? "";
    error.hidden = !seen.error;
    root.toggleAttribute("data-failed", Boolean(seen.error));
    const chances = seen.probabilities ?? Array(10).fill(NaN);
    const best = chances.indexOf(Math.max(...chances));
    const said = seen.error ? "No answer." : `The model says ${best}, with probability ${chances[best].toFixed(3)}.`;
    if (guess.textContent !== said) guess.textContent = said;
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
  show();
  ask();
  return () => {
    clearTimeout(waiting);
    resized.disconnect();
    heard.forEach(([name, f]) => model.off(`change:${name}`, f));
  };
}

export default { render };
