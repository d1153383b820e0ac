/** Text with `code`, *emphasis* and **strong emphasis** as nodes. Everything else stays plain text. */
function inline(text) {
  const marks = /`([^`]+)`|\*\*([^*]+)\*\*|(?<![\w*])\*(?!\s)([^*]+)(?<!\s)\*(?![\w*])/g;
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(marks)) {
    const [whole, code, strong, emphasis] = found;
    nodes.push(text.slice(end, found.index));
    nodes.push(code ? el("code", {}, code) : strong ? el("strong", {}, strong) : el("em", {}, emphasis));
    end = found.index + whole.length;
  }
  return [...nodes, text.slice(end)];
}

/** A guessed number as parseNumber reads it, and also in groups of digits: "3,737,474" or "3 737 474". */
function parseGuess(text) {
  const plain = text.trim().replace(/[\u00a0\u2009\u202f_']/g, " ");
  const grouped = /^[+\-−]?\d{1,3}(( \d{3})+|(,\d{3}){2,})$/.test(plain);
  return parseNumber(grouped ? plain.replace(/[ ,]/g, "") : text, 1e15);
}

function render({ model, el: host }) {
  const root = mount(host, model, "Prediction");
  root.classList.add("cw-prediction");
  const body = el("div");
  root.append(body);

  const get = (name) => model.get(name);
  const numeric = get("choices").every((choice) => typeof choice === "number");
  const same = (guess, value) => Math.abs(guess - value) <= get("tolerance");
  const written = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 6 }).replace("-", "−");
  const worded = (value) =>
    numeric ? [`${written(value)} `, ...inline(get("unit"))] : inline(get("choices")[value]);
  const ids = { question: uniqueId("question"), error: uniqueId("error"), name: uniqueId("choice") };

  let typed = "";
  let mine = false; // whether this view, and not Python, asked for the change that is drawn

  function set(values) {
    mine = true;
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
    draw();
    mine = false;
  }

  const commit = (guess) => set({ guess, committed: true });
  const again = () => {
    typed = "";
    set({ first: get("first") ?? get("guess"), committed: false, guess: null });
  };

  function choiceField(button) {
    const list = el("div", { class: "cw-choices" });
    get("choices").forEach((text, index) => {
      const radio = el("input", {
        type: "radio", name: ids.name, value: index, checked: get("guess") === index,
        onchange: () => {
          model.set("guess", index);
          model.save_changes();
          follow();
        },
      });
      list.append(el("label", { class: "cw-choice" }, radio, el("span", {}, ...inline(text))));
    });
    const follow = () => {
      list.querySelectorAll("input").forEach((radio, index) => (radio.checked = get("guess") === index));
      button.disabled = get("guess") === null;
    };
    return { field: list, follow, read: () => get("guess") };
  }

  function guessField(button) {
    const error = el("p", { class: "cw-error", id: ids.error, role: "alert" });
    const input = el("input", {
      type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", size: 14,
      "aria-label": el("p", {}, ...inline(get("question"))).textContent, "aria-describedby": ids.error, value: typed,
      oninput: () => {
        typed = input.value;
        refuse("");
        button.disabled = typed.trim() === "";
      },
    });
    const refuse = (sentence) => {
      error.textContent = sentence;
      input.setAttribute("aria-invalid", String(sentence !== ""));
    };
    const read = () => {
      const parsed = parseGuess(input.value);
      refuse(parsed.error ?? "");
      if (parsed.error) input.focus();
      return parsed.value ?? null;
    };
    const follow = () => {
      const guess = get("guess");
      if (guess !== null && parseGuess(input.value).value !== guess) input.value = typed = String(guess);
      button.disabled = input.value.trim() === "";
    };
    const field = el("div", {}, el("div", { class: "cw-numeric" }, input, el("span", {}, ...inline(get("unit")))), error);
    return { field, follow, read };
  }

  function firstGuess() {
    return get("first") === null ? null : el("p", { class: "cw-prediction-first" }, "Your first guess was: ", ...worded(get("first")));
  }

  let open = null; // the form on screen, or null while the answer is shown

  function drawForm() {
    const button = el("button", { type: "submit", class: "cw-primary" }, "Commit my guess");
    open = (numeric ? guessField : choiceField)(button);
    const { field, read } = open;
    const question = el("p", { class: "cw-question", id: ids.question }, ...inline(get("question")));
    const group = numeric ? field : el("div", { role: "radiogroup", "aria-labelledby": ids.question }, field);
    const form = el("form", {
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        const guess = read();
        if (guess !== null) commit(guess);
      },
    }, question, firstGuess(), group, el("div", { class: "cw-row" }, button));
    body.replaceChildren(form);
    open.follow();
    if (mine) form.querySelector("input").focus();
  }

  function drawAnswer() {
    open = null;
    const guess = get("guess");
    const right = same(guess, get("answer"));
    const values = numeric ? get("choices") : get("choices").map((_, index) => index);
    const known = values.findIndex((value) => same(guess, value));
    const card = (kind, tag, value, reason) =>
      el("li", { class: `cw-reason ${kind}` },
        el("p", { class: "cw-tag" }, tag),
        el("p", { class: "cw-value" }, ...worded(value)),
        reason ? el("p", {}, ...inline(reason)) : null);
    const reasonOf = (index) => (index < 0 ? get("unforeseen") : get("reasons")[index]);
    const answerReason = numeric ? "" : get("reasons")[get("answer")];
    const cards = right
      ? [card("right", "✓ Your guess, and the answer", guess, answerReason)]
      : [card("wrong", "✗ Your guess", guess, reasonOf(known)), card("right", "✓ The answer", get("answer"), answerReason)];
    values.forEach((value, index) => {
      if (index !== known && !same(value, get("answer"))) cards.push(card("", "Another wrong guess", value, reasonOf(index)));
    });
    const verdict = el("p", { class: "cw-prediction-verdict", tabindex: "-1" }, right ? "Right." : "Not right this time.");
    body.replaceChildren(
      el("p", { class: "cw-question" }, ...inline(get("question"))),
      verdict,
      el("ul", { class: "cw-reasons" }, ...cards),
      ...(get("explanation") ? [el("p", {}, ...inline(get("explanation")))] : []),
      el("div", { class: "cw-row" }, el("button", { type: "button", onclick: again }, "Try again"), firstGuess()),
    );
    if (mine) verdict.focus();
  }

  let shown = null; // what is on screen, so that a choice does not rebuild the form under the learner's fingers

  function draw() {
    const next = JSON.stringify([get("committed"), get("committed") && get("guess"), get("first")]);
    if (next === shown) return open?.follow();
    shown = next;
    if (get("committed")) drawAnswer();
    else drawForm();
  }

  const names = ["guess", "committed", "first"].map((name) => `change:${name}`);
  const repaint = painter(draw);
  names.forEach((name) => model.on(name, repaint));
  draw();
  return () => names.forEach((name) => model.off(name, repaint));
}

export default { render };
