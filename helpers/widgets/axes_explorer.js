// The axes explorer: which cells of a block (N, C, H, W) share one mean. Everything is computed and drawn here; Python holds the same state.

const NORMS = {
  batch: { title: "Batch norm", rule: "One mean for each channel, over all samples and all pixels." },
  layer: { title: "Layer norm", rule: "One mean for each sample, over all channels and all pixels." },
  instance: { title: "Instance norm", rule: "One mean for each map: one sample, one channel, all pixels." },
  group: { title: "Group norm", rule: "One mean for each group of channels in each sample, over all pixels." },
};
const AXES = ["samples", "channels", "rows", "columns"];
const SETTINGS = ["norm", "batch_size", "num_groups", "train", "pooled", "cell"];
const NARROW = 620; // pixels: below this, the samples stand in two rows

// ---- what is computed ---------------------------------------------------------------------------------------------

const upTo = (count) => Array.from({ length: count }, (_, i) => i);
const isStored = ({ norm, train }) => norm === "batch" && !train;

/** The block of the present state: its sizes and `at(n, c, h, w)`. */
function blockOf({ pooled, batch_size }, { values, limits }) {
  const [height, width] = pooled ? [1, 1] : limits.map;
  const numbers = values[Number(pooled)];
  const at = (n, c, h, w) => numbers[((n * limits.channels + c) * height + h) * width + w];
  return { sizes: [batch_size, limits.channels, height, width], at };
}

/** The samples and the channels whose cells go into the mean of cell (n, c); none where the statistics are stored. */
function groupOf(state, [N, C], n, c) {
  const { norm, num_groups } = state;
  if (isStored(state)) return { samples: [], channels: [] };
  if (norm === "batch") return { samples: upTo(N), channels: [c] };
  const size = { layer: C, instance: 1 }[norm] ?? C / num_groups;
  const first = Math.floor(c / size) * size;
  return { samples: [n], channels: upTo(size).map((i) => first + i) };
}

/** What cell (n, c) is normalised with: {mean, variance, count, samples, channels}. */
function statisticsOf(state, data, n, c) {
  const { sizes, at } = blockOf(state, data);
  const group = groupOf(state, sizes, n, c);
  if (isStored(state)) {
    const [means, variances] = data.running[Number(state.pooled)];
    return { mean: means[c], variance: variances[c], count: 0, ...group };
  }
  const [, , H, W] = sizes;
  const cells = group.samples.flatMap((i) => group.channels.flatMap((j) => upTo(H).flatMap((h) => upTo(W).map((w) => at(i, j, h, w)))));
  const mean = cells.reduce((a, b) => a + b, 0) / cells.length;
  const variance = cells.reduce((sum, value) => sum + (value - mean) ** 2, 0) / cells.length;
  return { mean, variance, count: cells.length, ...group };
}

/** torch's sentence where it refuses the block, null where it does not. */
function refusalOf({ norm, batch_size, num_groups, train, pooled }, { refused }) {
  if (!pooled) return null;
  return refused.find((one) => one[0] === norm && one[1] === batch_size && one[2] === num_groups && one[3] === train)?.[4] ?? null;
}

const normalise = (value, { mean, variance }, eps) => (value - mean) / Math.sqrt(variance + eps);

// ---- how it is written --------------------------------------------------------------------------------------------

const fixed = (value, digits) => (Math.abs(value) < 0.5 / 10 ** digits ? 0 : value).toFixed(digits).replace("-", "−");
const bracket = (value) => (value < 0 ? `(${formatNumber(value)})` : formatNumber(value));
const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** What the group means in this very case, where it is worth a sentence. */
function remark(state, { count }, refused) {
  const { norm, batch_size, num_groups, train, pooled } = state;
  if (refused) {
    const mode = norm !== "batch" && !train ? " The sentence says “when training”, but eval mode is refused as well: nothing is stored here." : "";
    return `One value is its own mean, and its variance is 0: nothing would be left of it.${mode}`;
  }
  if (isStored(state)) {
    return "No cell of this batch goes into the mean. So no sample changes the result of another.";
  }
  if (count === 1) return "A group of one value: it is its own mean, so it becomes 0, whatever it was. torch refuses this only at batch size 1.";
  if (count === 2) return "A mean of only 2 values: whatever they are, one becomes about −1 and the other about +1.";
  if (norm === "batch" && batch_size === 1) return `A batch of 1: the mean has only the ${count} pixels of one map. This is what instance norm does.`;
  if (norm === "group" && num_groups === 1) return "One group of all channels: the same as layer norm.";
  if (norm === "group" && num_groups === 4) return "As many groups as channels: the same as instance norm.";
  if (norm === "batch" && pooled) return `Pooled maps have one pixel: the mean has only ${count} values, one from each sample.`;
  if (norm === "batch") return "The samples of a batch share their mean: each one changes the result of the others.";
  return "Each sample is normalised by itself. Train and eval do the same.";
}

/** The means of all groups, as torch writes them. */
function meanInCode(state, [N, C, H, W]) {
  const { norm, num_groups } = state;
  if (isStored(state)) return "norm.running_mean";
  if (norm === "group") return `x.view(${[N, num_groups, C / num_groups, H, W].join(", ")}).mean((2, 3, 4))`;
  return `x.mean((${{ batch: "0, 2, 3", layer: "1, 2, 3", instance: "2, 3" }[norm]}))`;
}

// ---- how it is drawn ----------------------------------------------------------------------------------------------

// One map lies flat: a column goes right by `wide`, a row goes down by `deep` and left by `lean`.
const SHAPE = { wide: 22, deep: 12, lean: 10, thick: 5, pitch: 54, lift: 9 };
const MARGIN = 88; // left of the samples, for the channels' names

/** Where the maps stand for so many samples in a row: the corners of cells, of maps, and the drawing's size. */
function geometryOf(perRow, [height, width], pooled) {
  const { wide, deep, lean, thick, pitch } = SHAPE;
  const across = width * wide + height * lean;
  const [stepX, stepY] = [across + 14, 4 * pitch + (perRow > 3 ? 20 : 26)];
  const margin = { left: perRow > 3 ? MARGIN : 40, top: perRow > 3 ? 22 : 26 };
  const scale = pooled ? 2.2 : 1;
  const [rows, columns] = pooled ? [1, 1] : [height, width];
  /** The point (right, down) of a map, counted in cells from its far left corner. */
  function point(n, c, down, right) {
    const x = margin.left + (n % perRow) * stepX + (pooled ? across / 2 - ((wide - lean) / 2) * scale : height * lean);
    const y = margin.top + Math.floor(n / perRow) * stepY + c * pitch + (pooled ? ((height - scale) * deep) / 2 : 0);
    return [x + scale * (right * wide - down * lean), y + scale * down * deep];
  }
  return {
    rows, columns, point, thick,
    corners: (n, c, h = 0, w = 0, tall = rows, broad = columns) =>
      [point(n, c, h, w), point(n, c, h, w + broad), point(n, c, h + tall, w + broad), point(n, c, h + tall, w)],
    width: margin.left + perRow * stepX,
    height: margin.top + Math.ceil(6 / perRow) * stepY,
    bottom: (n) => margin.top + Math.floor(n / perRow) * stepY + 4 * pitch + (perRow > 3 ? 2 : 8),
    middle: (n) => margin.left + (n % perRow) * stepX + across / 2,
    deep,
  };
}

const points = (corners) => corners.map((corner) => corner.map((n) => n.toFixed(1)).join(",")).join(" ");
const lower = (corners, by) => corners.map(([x, y]) => [x, y + by]);

/** The convex hull of points, in order. */
function hullOf(all) {
  const sorted = [...all].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const turn = (o, a, b) => (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
  const half = (list) => {
    const kept = [];
    for (const one of list) {
      while (kept.length > 1 && turn(kept.at(-2), kept.at(-1), one) <= 0) kept.pop();
      kept.push(one);
    }
    return kept.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

// ---- the widget ---------------------------------------------------------------------------------------------------

function render({ model, el: host }) {
  const root = mount(host, model, "Axes explorer");
  root.classList.add("axes-explorer");
  const save = saver(model);
  const data = model.get("_data");
  const { limits } = data;
  const state = () => Object.fromEntries(SETTINGS.map((name) => [name, model.get(name)]));
  let hovered = null; // the cell under the pointer: shown as long as it is there

  function set(name, value) {
    model.set(name, value);
    save();
  }
  const inside = (cell, sizes) => cell.map((at, axis) => Math.max(0, Math.min(sizes[axis] - 1, at)));
  const choose = (cell) => set("cell", inside(cell, blockOf(state(), data).sizes));

  // -- the controls
  /** One of several, as a row of buttons: radio buttons for the keyboard. */
  function segments(legend, options, commit, kind = "") {
    const name = uniqueId("segments");
    const inputs = options.map(([value]) => el("input", { type: "radio", name, value: String(value), onchange: () => commit(value) }));
    return {
      node: el("fieldset", { class: `ax-segments ${kind}` }, el("legend", {}, legend),
        el("div", {}, ...options.map(([, ...label], i) => el("label", {}, inputs[i], el("span", {}, ...label))))),
      show: (value) => inputs.forEach((input, i) => (input.checked = options[i][0] === value)),
    };
  }
  const norm = segments("Norm", Object.keys(NORMS).map((name) => [name, NORMS[name].title.split(" ")[0]]), (value) => set("norm", value));
  const groups = segments("Groups", limits.groups.map((count) => [count, String(count)]), (value) => set("num_groups", value));
  const mode = segments("Mode", [[true, "train"], [false, "eval"]], (value) => set("train", value));
  const [mapHeight, mapWidth] = limits.map;
  const maps = segments("Maps", [[false, `${mapHeight} × ${mapWidth}`], [true, "1 × 1", el("span", { class: "ax-word" }, ", pooled")]], (value) => set("pooled", value));
  const sizes = upTo(limits.batch_size).map((i) => {
    const after = el("span", { class: "ax-after" });
    return { size: i + 1, after };
  });
  const batch = segments("Batch size, and what the chosen cell becomes at each", sizes.map(({ size, after }) => [size, el("b", {}, `N = ${size}`), after]),
    (value) => set("batch_size", value), "ax-sizes");
  const same = el("p", { class: "ax-same" });

  // -- what is shared
  const title = el("b", {});
  const rule = el("span", {});
  const code = el("code", {});
  const chips = AXES.map((word, axis) => {
    const much = el("span", {});
    return { much, node: el("li", {}, el("b", {}, "NCHW"[axis]), much, el("span", { class: "ax-word" }, word)) };
  });
  const count = el("strong", {});
  const product = el("ul", { class: "ax-chips" }, ...chips.map(({ node }) => node));

  // -- the block
  const drawing = svg("svg", { "aria-hidden": "true" });
  const block = el("div", { class: "ax-block", tabindex: "0", role: "application" }, drawing);
  block.addEventListener("pointermove", (event) => hover(cellOf(event)));
  block.addEventListener("pointerleave", () => hover(null));
  block.addEventListener("click", (event) => {
    const cell = cellOf(event);
    if (cell) choose(cell);
  });
  block.addEventListener("keydown", (event) => {
    const step = arrowOf(event);
    if (!step) return;
    event.preventDefault();
    hovered = null;
    const [down, right] = step;
    const [n, c, h, w] = inside(model.get("cell"), blockOf(state(), data).sizes);
    choose(event.shiftKey ? [n + right, c + down, h, w] : [n, c, h + down, w + right]);
  });
  const cellOf = (event) => event.target.closest?.("[data-cell]")?.dataset.cell.split(" ").map(Number) ?? null;
  function hover(cell) {
    if (cell?.join() === hovered?.join()) return;
    hovered = cell;
    repaint();
  }

  const key = (kind, text) => el("li", {}, el("span", { class: `ax-key ${kind}` }), text);
  const sharing = key("ax-sharing", "shares its mean");
  const keys = el("ul", { class: "ax-keys" }, key("ax-chosen-key", "chosen"), sharing, key("", "does not"), el("li", {}, "The stronger the colour, the larger the number."));

  let built = null; // what the drawing was made for, and its parts
  function build(perRow, pooled) {
    const geometry = geometryOf(perRow, limits.map, pooled);
    const { rows, columns, corners, thick } = geometry;
    const hulls = svg("g", { class: "ax-hulls" });
    const labels = svg("g", { class: "ax-labels" });
    const channelLabels = [];
    const plates = [];
    for (const n of upTo(limits.batch_size)) {
      for (const c of upTo(limits.channels)) {
        const [a, b, front, left] = corners(n, c);
        const tops = upTo(rows).flatMap((h) => upTo(columns).map((w) =>
          svg("polygon", { class: "ax-cell", points: points(corners(n, c, h, w, 1, 1)), "data-cell": `${n} ${c} ${h} ${w}` })));
        const node = svg("g", {},
          svg("polygon", { class: "ax-side", points: points([left, front, ...lower([front, left], thick)]) }),
          svg("polygon", { class: "ax-side", points: points([front, b, ...lower([b, front], thick)]) }),
          svg("polygon", { class: "ax-ground", points: points([a, b, front, left]) }),
          ...tops,
          svg("polygon", { class: "ax-rim", points: points([a, b, ...lower([b, front, left], thick), left]) }));
        plates.push({ n, c, node, tops });
      }
      labels.append(svg("text", { x: geometry.middle(n).toFixed(1), y: geometry.bottom(n), "text-anchor": "middle" }, `${perRow > 3 ? "sample " : "n = "}${n}`));
      if (n % perRow === 0) {
        for (const c of upTo(limits.channels)) {
          const y = corners(n, c)[2][1] - (pooled ? 6 : geometry.deep);
          const label = svg("text", { x: 2, y: y.toFixed(1) }, `${perRow > 3 ? "channel " : "c "}${c}`);
          const running = svg("text", { class: "ax-running", x: 2, y: (y + 15).toFixed(1) });
          channelLabels.push({ c, label, running });
          labels.append(label, running);
        }
      }
    }
    const [far, right, , near] = corners(0, 0);
    const between = (a, b, share) => ({ x: (a[0] + share * (b[0] - a[0])).toFixed(1), y: a[1] + share * (b[1] - a[1]) });
    const [alongW, alongH] = [between(far, right, 0.5), between(far, near, 0.2)];
    labels.append(
      svg("text", { class: "ax-axis", ...alongW, y: alongW.y - 6, "text-anchor": "middle" }, "W →"),
      svg("text", { class: "ax-axis", x: alongH.x - 6, y: alongH.y + 3, "text-anchor": "end" }, "H ↙"));
    const lifted = svg("g", { class: "ax-lifted" });
    drawing.replaceChildren(hulls, ...plates.map(({ node }) => node), lifted, labels);
    drawing.setAttribute("viewBox", `0 0 ${geometry.width} ${geometry.height}`);
    root.classList.toggle("ax-narrow", perRow === 3);
    root.style.setProperty("--margin", perRow === 3 ? "0" : `${(100 * MARGIN) / geometry.width}%`);
    built = { perRow, pooled, geometry, hulls, plates, lifted, channelLabels };
  }

  // -- before and after
  function grid(kind) {
    const caption = el("caption", {});
    const body = el("tbody", { onclick: (event) => {
      const at = event.target.closest?.("td")?.dataset.at?.split(" ").map(Number);
      if (at) choose([...place.slice(0, 2), ...at]);
    } });
    return { caption, body, cells: [], node: el("table", { class: `ax-map ${kind}` }, caption, body) };
  }
  const before = grid("ax-before");
  const after = grid("ax-behind");
  const formula = el("div", { class: "ax-formula" });
  const about = el("p", { class: "ax-about" });
  const refusal = el("p", { class: "ax-refused", hidden: true });
  const voice = speaker();

  root.append(
    el("div", { class: "ax-bar" }, norm.node, groups.node, mode.node, maps.node),
    el("p", { class: "ax-rule" }, title, " ", rule, " ", code),
    el("div", { class: "ax-count" }, product, el("span", { class: "ax-equals" }, "="), count),
    block, keys, batch.node, same,
    el("div", { class: "ax-stage" }, before.node, el("div", { class: "ax-sum" }, formula, refusal), after.node),
    about,
    el("p", { class: "ax-hint" }, "Point at a cell or click one. On the block, ", ...["←", "→", "↑", "↓"].map((key) => el("kbd", {}, key)),
      " walk over the map (W, H), with ", el("kbd", {}, "Shift"), " to another sample (N) or channel (C)."),
    voice.node);

  let place = [0, 0, 0, 0];
  function draw() {
    const now = state();
    const { sizes: shape, at } = blockOf(now, data);
    const [N, , H, W] = shape;
    place = inside(model.get("cell"), shape);
    if (hovered && hovered.some((one, axis) => one >= shape[axis])) hovered = null;
    const shown = hovered ?? place;
    const [n, c, h, w] = shown;
    const statistics = statisticsOf(now, data, n, c);
    const refused = refusalOf(now, data);
    const stored = isStored(now);
    const results = (i, j) => statisticsOf(now, data, i, j);
    const result = refused ? null : normalise(at(n, c, h, w), statistics, data.eps);

    norm.show(now.norm);
    groups.show(now.num_groups);
    groups.node.hidden = now.norm !== "group";
    mode.show(now.train);
    maps.show(now.pooled);
    batch.show(now.batch_size);

    title.textContent = `${NORMS[now.norm].title}.`;
    rule.textContent = stored ? `In eval mode: the running mean of each channel, as ${data.steps} training steps left it.` : NORMS[now.norm].rule;
    code.textContent = { batch: "nn.BatchNorm2d(4)", layer: `nn.LayerNorm([${shape.slice(1).join(", ")}])`, instance: "nn.InstanceNorm2d(4)", group: `nn.GroupNorm(${now.num_groups}, 4)` }[now.norm];
    const used = [statistics.samples.length, statistics.channels.length, stored ? 0 : H, stored ? 0 : W];
    chips.forEach(({ node, much }, axis) => {
      much.textContent = ` ${used[axis]} of ${shape[axis]} `;
      node.classList.toggle("ax-averaged", used[axis] > 1 || (used[axis] === shape[axis] && used[axis] > 0));
    });
    count.textContent = stored ? "0 cells: the mean is stored" : statistics.count === 1 ? "1 cell, alone" : `${statistics.count} cells share one mean`;

    sharing.hidden = stored;
    drawBlock(now, shape, shown, statistics, at);
    drawMaps(now, shape, shown, at, refused ? null : results);
    drawSum(now, shown, at, statistics, result, refused);
    drawSizes(now, shown);

    const sentence = `Cell n ${n}, c ${c}, h ${h}, w ${w} of ${shape.join(" × ")}. ${NORMS[now.norm].title}, ${now.train ? "train" : "eval"} mode. ` +
      (stored ? `No cell of the batch goes into the mean: running mean ${formatNumber(statistics.mean)}, running variance ${formatNumber(statistics.variance)}. `
        : `${many(statistics.count, "cell")} ${statistics.count === 1 ? "goes" : "go"} into the mean, of ${many(statistics.samples.length, "sample")} and ${many(statistics.channels.length, "channel")}: ` +
          `mean ${formatNumber(statistics.mean)}, variance ${formatNumber(statistics.variance)}. `) +
      (refused ? `torch refuses: ${refused}` : `${formatNumber(at(n, c, h, w))} becomes ${formatNumber(result)}.`);
    block.setAttribute("aria-label", `The block. ${sentence} Arrow keys choose another cell.`);
    voice.say(sentence);
    root.seen = { // for those who look from outside, the tests for one
      refused, shown, count: statistics.count, mean: statistics.mean, variance: statistics.variance,
      shared: upTo(N).map((i) => upTo(shape[1]).map((j) => statistics.samples.includes(i) && statistics.channels.includes(j))),
      get output() {
        return refused ? null : upTo(N).map((i) => upTo(shape[1]).map((j) => upTo(H).map((k) => upTo(W).map((l) => normalise(at(i, j, k, l), results(i, j), data.eps)))));
      },
    };
  }

  function drawBlock(now, [N, , H, W], [n, c, h, w], statistics, at) {
    const room = block.clientWidth || 900;
    const perRow = room < NARROW ? 3 : 6;
    if (built?.perRow !== perRow || built.pooled !== now.pooled) build(perRow, now.pooled);
    const letters = Math.min(perRow > 3 ? 16 : 17, Math.max(13, (12 * built.geometry.width) / room)); // about 12 pixels on the screen
    drawing.style.setProperty("--letters", `${letters}px`);
    const { geometry, hulls, plates, lifted, channelLabels } = built;
    const numbers = plates.filter((plate) => plate.n < N).flatMap((plate) => upTo(H * W).map((i) => at(plate.n, plate.c, Math.floor(i / W), i % W)));
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const member = (plate) => statistics.samples.includes(plate.n) && statistics.channels.includes(plate.c);
    for (const plate of plates) {
      const there = plate.n < N;
      plate.node.setAttribute("class", !there ? "ax-missing" : member(plate) ? "ax-member" : "");
      plate.tops.forEach((top, i) => {
        const level = there ? (at(plate.n, plate.c, Math.floor(i / W), i % W) - low) / (high - low || 1) : 0;
        top.style.setProperty("--level", level.toFixed(3));
      });
    }
    // One piece of glass around what shares a mean: one for each row of samples.
    const rows = new Map();
    for (const plate of plates.filter(member)) {
      const row = Math.floor(plate.n / built.perRow);
      const top = geometry.corners(plate.n, plate.c);
      rows.set(row, [...(rows.get(row) ?? []), ...top, ...lower(top, geometry.thick)]);
    }
    hulls.replaceChildren(...[...rows.values()].map((all) => svg("polygon", { points: points(hullOf(all)) })));
    const base = geometry.corners(n, c, h, w, 1, 1);
    const top = lower(base, -SHAPE.lift);
    lifted.replaceChildren(
      svg("polygon", { class: "ax-lifted-side", points: points([top[3], top[2], base[2], base[3]]) }),
      svg("polygon", { class: "ax-lifted-side", points: points([top[2], top[1], base[1], base[2]]) }),
      svg("polygon", { class: "ax-lifted-top", points: points(top) }));
    const [means] = data.running[Number(now.pooled)];
    for (const { c: channel, label, running } of channelLabels) {
      label.setAttribute("class", statistics.channels.includes(channel) || channel === c ? "ax-here" : "");
      running.textContent = isStored(now) && built.perRow > 3 ? `μ = ${fixed(means[channel], 2)}` : "";
    }
  }

  function drawMaps(now, [, , H, W], [n, c, h, w], at, results) {
    const statistics = results?.(n, c);
    for (const [map, word, value, range] of [
      [before, "Before", (i, j) => at(n, c, i, j), 5],
      [after, "After", (i, j) => (statistics ? normalise(at(n, c, i, j), statistics, data.eps) : null), 3],
    ]) {
      map.caption.textContent = `${word}: sample ${n}, channel ${c}`;
      if (map.cells.length !== H * W) {
        map.cells = upTo(H * W).map((i) => el("td", { "data-at": `${Math.floor(i / W)} ${i % W}` }));
        map.node.classList.toggle("ax-single", H * W === 1);
        map.body.replaceChildren(...upTo(H).map((i) => el("tr", {}, ...map.cells.slice(i * W, (i + 1) * W))));
      }
      map.cells.forEach((cell, i) => {
        const number = value(Math.floor(i / W), i % W);
        cell.textContent = number === null ? "—" : fixed(number, map === before && !now.pooled ? 1 : 2);
        Object.assign(cell.style, number === null ? { background: "", color: "" } : colours(number, { low: -range, high: range, signed: true }));
        cell.classList.toggle("ax-chosen", i === h * W + w);
      });
    }
  }

  function drawSum(now, [n, c, h, w], at, { mean, variance, count: cells }, result, refused) {
    const stored = isStored(now);
    const x = at(n, c, h, w);
    const line = (name, symbol, value) => el("p", {}, el("span", {}, name), el("i", {}, symbol), el("b", {}, value));
    formula.replaceChildren(
      line(stored ? "running mean" : `mean of ${many(cells, "cell")}`, "μ", formatNumber(mean)),
      el("code", {}, meanInCode(now, blockOf(now, data).sizes)),
      line(stored ? "running variance" : "variance", "σ²", formatNumber(variance)),
      el("p", { class: "ax-fraction" }, el("i", {}, "y ="), el("span", {},
        el("span", { class: "ax-over" }, `${formatNumber(x)} − ${bracket(mean)}`),
        el("span", { class: "ax-under" }, `√(${formatNumber(variance)} + ${data.eps})`)),
        el("i", {}, "="), el("output", {}, refused ? "?" : formatNumber(result))));
    refusal.hidden = !refused;
    refusal.replaceChildren(el("b", {}, "torch refuses. "), `ValueError: ${refused}`);
    about.textContent = remark(now, { count: cells }, refused);
  }

  function drawSizes(now, [n, c, h, w]) {
    const found = sizes.map(({ size }) => {
      const there = { ...now, batch_size: size };
      if (n >= size) return "not in it";
      if (refusalOf(there, data)) return "refused";
      return normalise(blockOf(there, data).at(n, c, h, w), statisticsOf(there, data, n, c), data.eps);
    });
    sizes.forEach(({ after: place }, i) => {
      place.textContent = typeof found[i] === "number" ? fixed(found[i], 2) : found[i];
      place.classList.toggle("ax-word", typeof found[i] !== "number");
    });
    const numbers = found.filter((one) => typeof one === "number");
    const spread = Math.max(...numbers) - Math.min(...numbers);
    same.textContent = numbers.length === 0 ? "Refused at every batch size."
      : numbers.length === 1 ? `Sample ${n} is in one of these batches only: choose a cell of sample 0 to compare all six.`
      : spread < 1e-9 ? "The same at every batch size: the other samples do not matter."
      : "It changes with the batch size: the other samples go into its mean.";
    same.classList.toggle("ax-equal", numbers.length > 1 && spread < 1e-9);
  }

  const repaint = painter(draw);
  SETTINGS.forEach((name) => model.on(`change:${name}`, repaint));
  const watch = new ResizeObserver(repaint);
  watch.observe(block);
  draw();
  return () => {
    voice.stop();
    watch.disconnect();
    SETTINGS.forEach((name) => model.off(`change:${name}`, repaint));
  };
}

export default { render };
