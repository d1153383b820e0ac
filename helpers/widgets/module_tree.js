const STATES = { "not reached": "not reached", "not called": "not called", inside: "stops inside" };
const SAID = {
  ran: "It ran.",
  broke: "It stopped here.",
  inside: "A module inside it stopped.",
  "not reached": "The forward pass stopped before it was called.",
  "not called": "The forward pass did not call it.",
};

const counted = (value) => (value === null ? "unknown" : value.toLocaleString("en"));

/** Read a shape as people write it: "64, 3, 32, 32", "(64, 3, 32, 32)", "64 × 3 × 32 × 32". Returns {value} or {error}. */
function parseShape(text, most) {
  const parts = String(text).trim().replace(/^[([]|[)\]]$/g, "").split(/[\s,×x]+/).filter((part) => part !== "");
  if (!parts.length) return { error: "Empty: type a shape, for example 64, 3, 32, 32." };
  const wrong = parts.find((part) => !/^\d+$/.test(part) || Number(part) < 1);
  if (wrong) return { error: `"${wrong}" is no size: each must be a whole number from 1, for example 64, 3, 32, 32.` };
  if (parts.length > 8) return { error: `${parts.length} axes are too many: at most 8.` };
  const value = parts.map(Number);
  if (value.reduce((a, b) => a * b, 1) > most) return { error: `This is too large: at most ${most.toLocaleString("en")} numbers in all.` };
  return { value };
}

function render({ model, el: host }) {
  const root = mount(host, model, "Module tree");
  root.classList.add("module-tree");

  let rows = [];
  let byPath = new Map();
  let brothers = new Map(); // parent's path -> the paths of its children
  let openPaths = new Set();
  let shown = []; // the rows that are not inside a closed one
  let lines = new Map(); // path -> its line of the table
  let drawn = [null, null]; // the rows and the open paths that the table shows

  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
    paintSoon();
  };

  // -- the controls
  const size = numberField("Input shape, batch axis first", {
    parse: (text) => parseShape(text, model.get("_most")),
    write: (value) => value.join(", "),
    commit(value) {
      if (String(value) === String(model.get("input_size"))) return null;
      waiting.textContent = "Python runs the model …";
      root.classList.add("mt-stale");
      python.wait(() => set("input_size", value));
      return null;
    },
  });
  const waiting = el("span", { class: "mt-waiting", role: "status" });
  const python = patience(() => (waiting.textContent = SILENCE));
  const openAll = el("button", { type: "button", onclick: () => set("expanded", rows.filter((row) => row.children).map((row) => row.path)) }, "Open all");
  const closeAll = el("button", { type: "button", onclick: () => closeBut([]) }, "Close all");
  const problem = el("p", { class: "cw-error mt-problem", role: "status" });
  const totals = el("p", { class: "mt-totals" });

  const heads = ["Module", "In", "Out", "Parameters", "Buffers"];
  const body = el("tbody", {});
  const table = el("table", { class: "mt-table", role: "treegrid", "aria-label": "Modules, their shapes and their numbers" },
    el("thead", {}, el("tr", { role: "row" }, ...heads.map((head) => el("th", { role: "columnheader", scope: "col" }, head)))), body);
  const box = el("div", { class: "mt-box cw-scrolls" }, table);
  const details = el("section", { class: "mt-details", "aria-label": "The chosen module" });
  root.append(
    el("div", { class: "cw-row mt-bar" }, model.get("input_size").length ? size.node : null, el("div", { class: "mt-buttons" }, openAll, closeAll), waiting),
    problem, box, totals, details,
    el("p", { class: "mt-hint" }, "Click a module, or walk with the arrow keys: up and down choose, right opens, left closes. * opens all."));

  // -- moving about
  const isOpen = (row) => openPaths.has(row.path);
  function choose(path) {
    set("selected", path);
    showChosen();
    lines.get(path)?.focus();
  }
  /** Close all but some; a chosen module that is then hidden gives way to the one it lies in. */
  function closeBut(paths) {
    set("expanded", paths);
    openPaths = new Set(paths);
    let row = byPath.get(model.get("selected"));
    while (row && row.parent !== null && !isVisible(row)) row = byPath.get(row.parent);
    if (row && row.path !== model.get("selected")) set("selected", row.path);
  }
  function isVisible(row) {
    for (let at = row; at.parent !== null; at = byPath.get(at.parent)) if (!isOpen(byPath.get(at.parent))) return false;
    return true;
  }
  function toggle(row) {
    if (!row.children) return;
    if (!isOpen(row)) set("expanded", [...model.get("expanded"), row.path]);
    else closeBut(model.get("expanded").filter((path) => path !== row.path));
  }
  body.addEventListener("keydown", (event) => {
    if (isCommand(event)) return;
    const at = shown.findIndex((row) => row.path === model.get("selected"));
    const row = shown[at];
    if (!row) return;
    const moves = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: shown.length - 1 };
    if (event.key in moves) {
      const to = shown[moves[event.key]];
      if (to) choose(to.path);
    } else if (event.key === "ArrowRight") {
      if (row.children && !isOpen(row)) toggle(row);
      else if (row.children) choose(shown[at + 1].path);
    } else if (event.key === "ArrowLeft") {
      if (row.children && isOpen(row)) toggle(row);
      else if (row.parent !== null) choose(row.parent);
    } else if (event.key === "Enter" || event.key === " ") toggle(row);
    else if (event.key === "*") openAll.click();
    else return;
    event.preventDefault();
  });

  // -- painting
  function line(row) {
    const opened = isOpen(row);
    const family = brothers.get(row.parent);
    const twisty = el("span", { class: "mt-twisty", "aria-hidden": "true" }, row.children ? (opened ? "▾" : "▸") : "");
    twisty.addEventListener("click", () => toggle(row));
    const kind = row.depth ? el("span", { class: "mt-kind" }, row.kind) : null;
    const same = row.same ? el("span", { class: "mt-kind" }, `(the same as ${row.same})`) : null;
    const name = el("td", { role: "gridcell", class: "mt-name" },
      el("span", { class: "mt-indent", style: `--depth: ${Math.min(row.depth, 12)}` }, twisty, el("strong", {}, row.name), " ", kind, same && " ", same));
    const calls = row.count > 1 ? el("span", { class: "mt-kind" }, ` ${row.count} calls`) : null;
    const out = row.state === "broke" ? "✗ stops here" : row.output || STATES[row.state] || "";
    const tr = el("tr", {
      role: "row", class: `mt-${row.state.replace(" ", "-")}`, "aria-level": row.depth + 1,
      "aria-setsize": family.size, "aria-posinset": family.get(row.path), "aria-expanded": row.children ? String(opened) : null,
    }, name,
    el("td", { role: "gridcell" }, row.inputs, calls), el("td", { role: "gridcell", class: "mt-out" }, out),
    el("td", { role: "gridcell", class: "mt-number" }, counted(row.parameters)),
    el("td", { role: "gridcell", class: "mt-number" }, counted(row.buffers)));
    tr.addEventListener("click", (event) => {
      if (event.target !== twisty || !row.children) choose(row.path);
    });
    tr.addEventListener("dblclick", (event) => event.target !== twisty && toggle(row));
    return tr;
  }

  function describe(row) {
    const said = row.state === "broke" ? `It stopped here: ${row.note}.` : `${SAID[row.state]} ${row.note}`;
    const calls = row.calls.map(([given, gave], i) => el("li", {}, `Call ${i + 1}: ${given} → ${gave || "no output"}`));
    if (row.count > row.calls.length) calls.push(el("li", {}, `and ${row.count - row.calls.length} more`));
    const own = row.own.map(([kind, name, shape]) => el("li", {}, `${kind} `, el("code", {}, name), ` ${shape}`));
    const list = (title, items, none) => el("div", {}, el("h4", {}, title), items.length ? el("ul", {}, ...items) : el("p", {}, none));
    details.replaceChildren(
      el("h3", {}, row.path || row.name, " ", el("code", {}, `${row.kind}(${row.settings})`)),
      el("p", {}, said.trim(), row.same ? ` This is the same module as ${row.same}: its numbers count once.` : ""),
      el("div", { class: "cw-row" }, list("In and out", calls, "No call."), list("Its own numbers", own, "None of its own.")));
  }

  /** Show which row is chosen. */
  function showChosen() {
    const chosen = lines.has(model.get("selected")) ? model.get("selected") : shown[0].path;
    for (const [path, tr] of lines) {
      tr.tabIndex = path === chosen ? 0 : -1;
      tr.setAttribute("aria-selected", String(path === chosen));
    }
    describe(byPath.get(chosen));
  }

  function fill() {
    rows = model.get("rows");
    openPaths = new Set(model.get("expanded"));
    byPath = new Map(rows.map((row) => [row.path, row]));
    brothers = new Map();
    for (const { parent, path } of rows) {
      if (!brothers.has(parent)) brothers.set(parent, new Map());
      brothers.get(parent).set(path, brothers.get(parent).size + 1);
    }
    shown = rows.filter(isVisible);
    const focused = body.contains(document.activeElement);
    const at = [box.scrollTop, box.scrollLeft];
    lines = new Map(shown.map((row) => [row.path, line(row)]));
    body.replaceChildren(...lines.values());
    [box.scrollTop, box.scrollLeft] = at;
    showChosen();
    if (focused) body.querySelector("[tabindex='0']").focus();
  }

  function draw() {
    const now = [model.get("rows"), model.get("expanded")];
    if (now.some((value, i) => value !== drawn[i])) fill();
    else showChosen();
    drawn = now;
    if (model.get("input_size").length) size.show(model.get("input_size"));
    const why = model.get("problem");
    setText(problem, why);
    problem.hidden = !why;
    const { parameters, trainable, buffers } = model.get("totals");
    totals.textContent = `In all: ${counted(parameters)} parameters, ${trainable === parameters ? "all" : counted(trainable)} of them trainable; ` +
      `${counted(buffers)} numbers in buffers. Each counts once.`;
    root.seen = { shown, problem: why }; // for those who look from outside, the tests for one
  }

  const paintSoon = painter(draw);
  const answered = () => {
    python.stop();
    waiting.textContent = "";
    root.classList.remove("mt-stale");
    paintSoon();
  };
  const names = ["selected", "expanded", "input_size", "problem", "totals"].map((name) => `change:${name}`);
  names.forEach((name) => model.on(name, paintSoon));
  model.on("change:rows", answered);
  draw();
  return () => {
    python.stop();
    names.forEach((name) => model.off(name, paintSoon));
    model.off("change:rows", answered);
  };
}

export default { render };
