const SIDE = 2 * LARGEST_SHIFT + 1;
const CELL = 12; // canvas pixels for one shift in a map

/** Paint an RGB picture (height × width × 3 bytes, from `start`), moved around by [down, right]. */
function paintMoved(canvas, bytes, start, [height, width], [down, right]) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < height; i++) {
    const from = (((i - down) % height) + height) % height;
    for (let j = 0; j < width; j++) {
      const at = start + 3 * (from * width + ((((j - right) % width) + width) % width));
      const to = 4 * (i * width + j);
      for (let c = 0; c < 3; c++) image.data[to + c] = bytes[at + c];
      image.data[to + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

function render({ model, el: host }) {
  const root = mount(host, model, "Picture shifter");
  root.classList.add("cw-shifter");
  const get = (name) => model.get(name);
  const [names, classes, labels, size] = ["names", "classes", "labels", "size"].map(get);
  const [height, width] = size;
  const pixels = get("pixels");
  const bytes = new Uint8Array(pixels.buffer ?? pixels, pixels.byteOffset ?? 0, pixels.byteLength);
  const table = floats(get("table")); // (models, pictures, 17, 17, classes)
  const count = labels.length;
  const probability = (which, picture, down, right, label) =>
    table[(((which * count + picture) * SIDE + down + LARGEST_SHIFT) * SIDE + right + LARGEST_SHIFT) * classes.length + label];
  const largest = (which, picture, down, right) => {
    const values = classes.map((_, label) => probability(which, picture, down, right, label));
    return values.indexOf(Math.max(...values));
  };

  const save = saver(model);
  function setShift(down, right) {
    const now = get("shift");
    if (now[0] === down && now[1] === right) return;
    model.set("shift", [down, right]);
    save();
  }
  function choose(picture) {
    model.set("picture", picture);
    save();
  }

  // The strip of pictures.
  const strip = el("div", { class: "ps-strip", role: "group", "aria-label": "Which picture" });
  const thumbs = labels.map((label, picture) => {
    const canvas = el("canvas", { "aria-hidden": "true" });
    paintMoved(canvas, bytes, picture * height * width * 3, size, [0, 0]);
    const button = el("button", { type: "button", "aria-label": `Picture ${picture + 1}: ${classes[label]}`,
      onclick: () => choose(picture) }, canvas);
    strip.append(button);
    return button;
  });

  // The picture that moves.
  const canvas = el("canvas", { role: "application", tabindex: 0, class: "ps-picture" });
  shiftByHand(canvas, () => get("shift"), setShift);
  const caption = el("p", { class: "ps-caption" });
  const back = el("button", { type: "button", onclick: () => setShift(0, 0) }, "Put it back");

  // One panel for each model: its probabilities, and the map over all shifts.
  const panels = names.map((name, which) => {
    const bars = classes.map((label) => {
      const fill = el("span", { class: "ps-fill" });
      const number = el("span", { class: "ps-number" });
      const row = el("div", { class: "ps-bar" }, el("span", { class: "ps-label" }, label),
        el("span", { class: "ps-track", "aria-hidden": "true" }, fill), number);
      return { fill, number, row };
    });
    const verdict = el("p", { class: "ps-verdict" });
    const map = el("canvas", { role: "img", class: "ps-map", width: SIDE * CELL, height: SIDE * CELL });
    const told = el("p", { class: "ps-told" });
    const point = (event) => {
      const box = map.getBoundingClientRect();
      const place = (n, length) => Math.max(0, Math.min(SIDE - 1, Math.floor((n / length) * SIDE))) - LARGEST_SHIFT;
      setShift(place(event.clientY - box.top, box.height), place(event.clientX - box.left, box.width));
    };
    dragged(map, point);
    const node = el("section", { class: "ps-panel", "aria-label": name }, el("h4", {}, name), verdict,
      ...bars.map(({ row }) => row), map, told);
    return { node, bars, verdict, map, told, which };
  });
  const ramp = el("canvas", { class: "ps-ramp" });
  paint(ramp, Float32Array.from({ length: 64 }, (_, i) => i / 63), 1, 64, { signed: true });
  const legend = el("p", { class: "ps-legend" }, "Map: the probability of the right class at each shift. ",
    el("span", { class: "ps-scale", "aria-hidden": "true" }, "0", ramp, "1"),
    ". A × marks a wrong answer, the frame marks where you are. Press on a map to go there.");
  const summary = el("p", { class: "cw-hidden", role: "status" });
  root.append(strip,
    el("div", { class: "ps-stage" },
      el("div", { class: "ps-left" }, canvas, caption, back),
      el("div", { class: "ps-panels" }, ...panels.map(({ node }) => node))),
    legend, summary);

  function drawMap({ map, told, which }, picture, shift) {
    const context = map.getContext("2d");
    const label = labels[picture];
    let right = 0;
    for (let down = -LARGEST_SHIFT; down <= LARGEST_SHIFT; down++) {
      for (let across = -LARGEST_SHIFT; across <= LARGEST_SHIFT; across++) {
        const { background, color } = colours(probability(which, picture, down, across, label), { signed: true });
        const x = (across + LARGEST_SHIFT) * CELL;
        const y = (down + LARGEST_SHIFT) * CELL;
        context.fillStyle = background;
        context.fillRect(x, y, CELL, CELL);
        if (largest(which, picture, down, across) === label) {
          right += 1;
          continue;
        }
        context.strokeStyle = color;
        context.lineWidth = 1;
        context.beginPath();
        for (const [a, b] of [[4, 8], [8, 4]]) {
          context.moveTo(x + a, y + 4);
          context.lineTo(x + b, y + 8);
        }
        context.stroke();
      }
    }
    const [x, y] = [shift[1], shift[0]].map((n) => (n + LARGEST_SHIFT) * CELL);
    for (const [style, wide] of [["#ffffff", 5], ["#000000", 2]]) {
      context.strokeStyle = style;
      context.lineWidth = wide;
      context.strokeRect(x + 0.5, y + 0.5, CELL - 1, CELL - 1);
    }
    told.textContent = `Right at ${right} of ${SIDE * SIDE} shifts`;
    map.setAttribute("aria-label", `${names[which]}: right at ${right} of ${SIDE * SIDE} shifts. The arrow keys on the picture walk over this map.`);
    return right;
  }

  function draw() {
    const picture = get("picture");
    const shift = get("shift");
    const label = labels[picture];
    paintMoved(canvas, bytes, picture * height * width * 3, size, shift);
    const words = shiftInWords(shift);
    caption.textContent = `${classes[label]}, moved: ${words}`;
    canvas.setAttribute("aria-label",
      `The picture, of class ${classes[label]}, moved: ${words}. Arrow keys move it by a pixel, Escape puts it back.`);
    back.disabled = shift[0] === 0 && shift[1] === 0;
    thumbs.forEach((button, index) => button.setAttribute("aria-pressed", String(index === picture)));
    const parts = [];
    root.shown = {}; // for those who look from outside, the tests for one
    for (const panel of panels) {
      const values = classes.map((_, index) => probability(panel.which, picture, ...shift, index));
      panel.bars.forEach(({ fill, number, row }, index) => {
        fill.style.width = `${100 * values[index]}%`;
        number.textContent = values[index].toFixed(2);
        row.classList.toggle("ps-true", index === label);
      });
      const says = largest(panel.which, picture, ...shift);
      panel.verdict.textContent = `${says === label ? "✓" : "✗"} says ${classes[says]}, ${says === label ? "right" : "wrong"}`;
      panel.verdict.classList.toggle("ps-wrong", says !== label);
      const right = drawMap(panel, picture, shift);
      root.shown[names[panel.which]] = { values, right };
      parts.push(`${names[panel.which]} says ${classes[says]}, ${values[says].toFixed(2)}, ${says === label ? "right" : "wrong"}.`);
    }
    const text = `Moved: ${words}. ${parts.join(" ")}`;
    setText(summary, text);
  }

  const repaint = painter(draw);
  const changes = ["change:shift", "change:picture"];
  changes.forEach((name) => model.on(name, repaint));
  draw();
  return () => changes.forEach((name) => model.off(name, repaint));
}

export default { render };
