/** In JupyterLab a link opens in a tab of its own beside this one; everywhere else it is a plain link. */
function openInLab(event) {
  const link = event.currentTarget;
  const here = decodeURIComponent(location.pathname).split("/tree/")[1];
  if (!document.body.classList.contains("jp-ThemedContainer") && !document.querySelector("#main.jp-LabShell")) return;
  if (here === undefined) return;
  const path = new URL(link.getAttribute("href"), `http://x/${here}`).pathname.slice(1);
  link.dataset.commandlinkerCommand = "docmanager:open";
  link.dataset.commandlinkerArgs = JSON.stringify({ path: decodeURIComponent(path) });
}

function render({ model, el: host }) {
  const root = mount(host, model, "Map of the series");
  root.classList.add("cw-series");
  const list = el("ol", { class: "cw-rooms" });
  const total = el("p", { class: "cw-total" });
  const message = el("p", { class: "cw-message", role: "status" });
  const file = el("input", { type: "file", accept: ".json,application/json", hidden: true, onchange: read });
  const silent = () => say(SILENCE);
  root.append(
    total,
    list,
    el("div", { class: "cw-row" },
      el("button", { type: "button", onclick: save }, "Export my progress"),
      el("button", { type: "button", onclick: () => file.click() }, "Import …"),
      file),
    message,
    el("p", { class: "cw-private" },
      "Your progress is one file on this machine. Nothing leaves it, unless you take the exported file along."));

  function say(sentence) {
    setText(message, sentence);
  }
  const tell = () => say(model.get("message"));

  function save() {
    ask(model, { do: "export" }, {
      silent,
      answered: ({ text }) => {
        if (text === undefined) return;
        const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
        el("a", { href: url, download: "progress.json" }).click();
        setTimeout(() => URL.revokeObjectURL(url), 10000);
        say("Exported as progress.json, where your browser puts downloads.");
      },
    });
  }

  async function read() {
    const chosen = file.files[0];
    if (!chosen) return;
    const text = chosen.size > 1e6 ? null : await chosen.text();
    file.value = "";
    ask(model, { do: "import", name: chosen.name, text }, { silent, answered: tell });
  }

  function room({ number, title, question, link, passed, total }) {
    const name = link
      ? el("a", { href: link.split("/").map(encodeURIComponent).join("/"), onclick: openInLab }, title)
      : el("span", {}, title);
    const done = el("div", { class: "cw-done" });
    if (total) {
      const words = `${passed} of ${total} passed`;
      done.append(el("progress", { max: total, value: passed, "aria-label": `${title}: ${words}` }), el("span", {}, words));
    } else if (!link) {
      done.append(el("span", {}, "coming"));
    }
    return el("li", { class: `cw-room cw-panel-row${link ? "" : " coming"}` },
      el("span", { class: "cw-number", "aria-hidden": "true" }, String(number)),
      el("div", {}, el("p", { class: "cw-room-name" }, name), el("p", {}, question)),
      done);
  }

  function draw() {
    const rooms = model.get("rooms");
    const focused = root.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    list.replaceChildren(...rooms.map(room));
    if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    const sum = (name) => rooms.reduce((all, one) => all + one[name], 0);
    total.textContent = `${sum("passed")} of ${sum("total")} exercises passed.`;
  }

  const repaint = painter(draw);
  model.on("change:rooms", repaint);
  model.on("change:message", tell);
  draw();
  tell();
  // Exercises are passed in other notebooks: look again whenever the map comes into view.
  const seen = new IntersectionObserver(([entry]) => entry.isIntersecting && ask(model, { do: "refresh" }));
  seen.observe(root);
  return () => {
    seen.disconnect();
    model.off("change:rooms", repaint);
    model.off("change:message", tell);
  };
}

export default { render };
