const megabytes = (bytes) => String(Math.round(bytes / 1e6));

function render({ model, el: host }) {
  const root = mount(host, model, "Data panel");
  root.classList.add("cw-data");
  const get = (name) => model.get(name);
  const say = (sentence) => setText(message, sentence);
  const request = (content, answered) => ask(model, content, {
    answered: (answer) => {
      if (message.textContent === SILENCE) say("");
      answered?.(answer);
    },
    silent: () => say(SILENCE),
  });

  const ids = { error: uniqueId("error"), place: uniqueId("place") };
  const place = el("p", { class: "cw-place", id: ids.place });
  const error = el("p", { class: "cw-error", id: ids.error, role: "alert" });
  const folder = el("input", { type: "text", placeholder: "data, in the workbook's folder", spellcheck: "false", autocomplete: "off", "aria-describedby": `${ids.error} ${ids.place}` });
  const form = el("form", {
    class: "cw-folder",
    novalidate: true,
    onsubmit: (event) => {
      event.preventDefault();
      request({ do: "root", value: folder.value }, (answer) => refuse(answer.error ?? ""));
    },
    onkeydown: (event) => {
      if (event.key !== "Escape") return;
      folder.value = get("root");
      refuse("");
    },
  }, el("label", {}, el("span", {}, "Folder for real data"), folder), el("button", { type: "submit" }, "Use this folder"));
  const list = el("ul", { class: "cw-sets" });
  const message = el("p", { class: "cw-message", role: "status" });
  root.append(list, form, error, place, message);

  function refuse(sentence) {
    setText(error, sentence);
    folder.setAttribute("aria-invalid", String(sentence !== ""));
  }

  /** One data set's line: what is there, and one button. It is made once, so that focus stays where it is. */
  function line(name) {
    const text = el("p");
    const bar = el("div", { role: "progressbar", "aria-label": get("sets")[name].title, "aria-valuemin": 0, class: "cw-progress" },
      el("div"));
    const button = el("button", { type: "button", onclick: () => request({ do: button.dataset.do, name }) });
    const status = el("span", { class: "cw-status" });
    const node = el("li", { class: "cw-set cw-panel-row" },
      status,
      el("div", {}, el("p", { class: "cw-name" }, get("sets")[name].title), text, bar),
      button);
    list.append(node);
    return { node, status, text, bar, button };
  }

  list.append(el("li", { class: "cw-set cw-panel-row complete" },
    el("span", { class: "cw-status" }, "✓ there"),
    el("div", {}, el("p", { class: "cw-name" }, "Built-in data"), el("p", {}, get("built_in")))));
  const lines = Object.fromEntries(Object.keys(get("sets")).map((name) => [name, line(name)]));
  const MARKS = { complete: "✓ there", partial: "! in part", damaged: "! damaged", absent: "not there", running: "… coming" };

  function draw() {
    const sets = get("sets");
    const busy = Object.values(sets).some((one) => one.state === "running");
    for (const [name, { node, status, text, bar, button }] of Object.entries(lines)) {
      const { title, state, done, total, text: sentence } = sets[name];
      const running = state === "running";
      const size = megabytes(total);
      const at = `${megabytes(done)} of ${size} MB`;
      node.className = `cw-set cw-panel-row ${state}`;
      status.textContent = MARKS[state];
      text.textContent = sentence;
      bar.hidden = !running && state !== "partial";
      bar.setAttribute("aria-valuemax", size);
      bar.setAttribute("aria-valuenow", megabytes(done));
      bar.setAttribute("aria-valuetext", at);
      bar.firstElementChild.style.width = `${(100 * done) / total}%`;
      button.hidden = state === "complete";
      button.disabled = busy && !running;
      button.dataset.do = running ? "cancel" : "fetch";
      const label = running ? "Cancel" : state === "partial" ? `Continue at ${at}`
        : state === "damaged" ? `Fetch ${title} again (${size} MB)` : `Fetch ${title} (${size} MB)`;
      setText(button, label);
      button.setAttribute("aria-label", label.includes(title) ? label : `${label} (${title})`);
    }
    place.textContent = get("place");
    say(get("message"));
  }

  function drawFolder() {
    folder.value = get("root");
    refuse("");
  }

  const repaint = painter(draw);
  const follow = { "change:sets": repaint, "change:place": repaint, "change:message": repaint, "change:root": drawFolder };
  for (const [name, f] of Object.entries(follow)) model.on(name, f);
  drawFolder();
  draw();
  return () => {
    for (const [name, f] of Object.entries(follow)) model.off(name, f);
  };
}

export default { render };
