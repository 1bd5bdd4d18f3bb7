/* Settling one answer: the record with the words each side rests on, the answers side by side, the
   sentences of the codebook that split them, and a decision with its reason. */
"use strict";

(function () {
  const { ask, button, el, fill, inUnits, kbd, say } = review;
  const SURE = ["", "unsure", "fairly sure", "sure"];
  const [record, dimension] = location.pathname.split("/").slice(2).map(decodeURIComponent);
  const asking = document.getElementById("asking");
  const reading = document.getElementById("reading");
  let dispute = null;
  let leaving = false;

  function label(id) {
    const found = dispute.question.classes.find((one) => one.id === id);
    return found ? found.label : id;
  }

  function side(n) {
    return `side-${n % 4}`;
  }

  function chosen() {
    return [...asking.querySelectorAll("input[name=value]:checked")].map((input) => input.value);
  }

  function reason() {
    return document.getElementById("reason").value.trim();
  }

  function tell(words, kind) {
    const place = document.getElementById("state");
    place.className = `state ${kind}`;
    place.textContent = words;
    say(words);
  }

  function showWords(passages) {
    const { fields } = dispute.record;
    const spans = dispute.sides.flatMap((one, n) =>
      inUnits(one.evidence, fields).map((span) => ({ ...span, style: side(n) }))
    );
    fields.forEach((field) => {
      fill(passages.get(field.name), field.text, spans.filter((s) => s.field === field.name));
    });
  }

  function showSide(one, n) {
    const quotes = one.evidence.map((span) => {
      const words = el("q", { dir: "auto", class: side(n) }, span.quote);
      return el("li", {}, words, span.field ? "" : el("span", { class: "span" }, " not found in the record"));
    });
    return el(
      "section", { class: "side", "aria-labelledby": `who-${n}` },
      el("h3", { id: `who-${n}` }, el("span", { class: `who ${side(n)}` }, one.coder)),
      el("p", {}, el("b", {}, one.value.map(label).join("; ")),
        one.confidence ? el("span", { class: "span" }, ` ${SURE[one.confidence]}`) : ""),
      quotes.length ? el("ul", {}, ...quotes) : el("p", { class: "small" }, "No words quoted."),
      one.comment ? el("p", { class: "remark", dir: "auto" }, one.comment) : ""
    );
  }

  function showSplitting(one) {
    const words = el("p", {});
    const marks = inUnits(
      one.marks.map(([start, end]) => ({ field: "", start, end, style: "split" })),
      [{ name: "", text: one.sentence }]
    );
    fill(words, one.sentence, marks);
    return el("section", { class: "side" }, el("h4", {}, label(one.class)), words);
  }

  /* Beside a class: who chose it. */
  function chosenBy(option) {
    const who = dispute.sides.filter((one) => one.value.includes(option.id)).map((one) => one.coder);
    const tags = who.map((one) => {
      const style = side(dispute.sides.findIndex((given) => given.coder === one));
      return [" ", el("span", { class: `who ${style}` }, one)];
    });
    return el("span", { class: "span" }, ...tags.flat());
  }

  function picked(id) {
    if (dispute.question.multi) {
      say(`${label(id)} ${chosen().includes(id) ? "chosen" : "not chosen"}`);
    }
  }

  function pickByKey(place) {
    const input = document.getElementById(`class-${place}`);
    if (input) {
      input.click();
      input.focus();
    }
    return Boolean(input);
  }

  async function settle() {
    if (!chosen().length) {
      tell("Choose a class first.", "pending");
      asking.querySelector("input").focus();
      return;
    }
    if (!reason()) {
      tell("Give a reason: it is published with the decision.", "pending");
      document.getElementById("reason").focus();
      return;
    }
    tell("Saving…", "saving");
    document.getElementById("on").disabled = true;
    try {
      const body = { record, dimension, value: chosen(), reason: reason() };
      const { next } = await ask("/api/adjudicate", body);
      leaving = true;
      location.assign(next);
    } catch (failure) {
      document.getElementById("on").disabled = false;
      tell(`Not saved: ${failure.words}.`, "failed");
    }
  }

  function pass() {
    location.assign(dispute.next || "/adjudicate");
  }

  function show() {
    const { question, settled, sides, splitting } = dispute;
    const group = review.options(question, picked, { "aria-labelledby": "deciding" }, chosenBy);
    const why = el("textarea", { id: "reason", rows: 1, required: true, maxlength: 4000, "aria-keyshortcuts": "r" });
    why.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        settle();
      }
    });
    asking.replaceChildren(
      el("div", { class: "scrolled" },
        el("div", { class: "question-head" }, el("h2", { id: "question-title", tabindex: "-1" }, question.title),
          el("p", { class: "question" }, question.question)),
        settled ? el("p", { class: "told" }, "Settled as ", el("b", {}, settled.value.map(label).join("; ")),
          ` by ${settled.adjudicator}`, settled.reason ? `: ${settled.reason}` : "") : "",
        el("div", { class: "sides" }, ...sides.map(showSide)),
        splitting.length ? el("h3", {}, "Where the definitions part") : "",
        splitting.length ? el("div", { class: "sides split" }, ...splitting.map(showSplitting)) : "",
        el("h3", { id: "deciding" }, "Your decision"), group
      ),
      el("div", { class: "foot" },
        el("p", { class: "commenting" }, el("label", { for: "reason" }, "Reason, required ", kbd("r")), why),
        button(["Leave for later ", kbd("s")], pass, { "aria-keyshortcuts": "s" }),
        el("span", { class: "space" }),
        button(["Settle ", kbd("⏎")], settle, { id: "on", class: "go", "aria-keyshortcuts": "Enter" }))
    );
    document.getElementById("question-title").focus();
  }

  async function begin() {
    const address = [record, dimension].map(encodeURIComponent).join("/");
    try {
      dispute = await ask(`/api/dispute/${address}`);
    } catch (failure) {
      reading.replaceChildren(
        el("p", { class: "refused", role: "alert" }, `This cannot be shown: ${failure.words}.`),
        button("Try again", begin, { class: "go" })
      );
      return;
    }
    showWords(review.showRecord(reading, dispute.record));
    document.title = `${dispute.question.title}: ${dispute.record.title} · ${document.title}`;
    show();
    review.keyboard([
      { keys: ["Enter"], does: "settle; in the reason: Ctrl and Enter", run: settle },
      { keys: ["r", "c"], does: "write the reason", run: () => document.getElementById("reason").focus() },
      { keys: ["s"], does: "leave it for later", run: pass },
      review.codebook(() => dimension),
    ], pickByKey);
    window.addEventListener("beforeunload", (event) => {
      if (!leaving && reason()) {
        event.preventDefault();
      }
    });
  }

  begin();
})();
