/* The right side of the coding page: a question, the check at the end, the row of steps. Everything
   that is done is done by the `acts` of code.js. */
"use strict";

const panes = (function () {
  const { button, el, kbd, percent } = review;
  const SURE = ["", "unsure", "fairly sure", "sure"];

  function answered(one) {
    return one.answer.value.length > 0;
  }

  function labels(one, value) {
    return one.classes.filter((c) => value.includes(c.id)).map((c) => c.label).join("; ");
  }

  function counted(n, what) {
    return `${n} ${what}${n === 1 ? "" : "s"}`;
  }

  function head(kicker, title, ...rest) {
    return el(
      "div", { class: "question-head" },
      el("div", { class: "titled" }, el("h2", { id: "question-title" }, title),
        el("p", { class: "kicker" }, kicker)),
      ...rest
    );
  }

  function question(one, { kicker, blind, earlier }, acts) {
    const group = review.options(one, acts.choose, { "aria-labelledby": "question-title", "aria-describedby": "question-words" });
    const words = [
      el("p", { class: "question", id: "question-words" }, one.question),
      one.notes ? el("p", { class: "small" }, one.notes) : "",
      one.multi ? el("p", { class: "small" }, "Several may apply.") : "",
      blind ? el("p", { class: "hinted" }, "Coded blind: no suggestion is shown for this record.")
        : suggestion(one, acts),
    ];
    return [
      el("div", { class: "scrolled" }, head(kicker, one.title, ...words), group, resting(acts),
        confidence(one, acts), comment(one, acts)),
      foot("Next", earlier, acts),
    ];
  }

  function suggestion(one, acts) {
    if (!one.suggestion) {
      return "";
    }
    const { value, probability, by, passages } = one.suggestion;
    const why = passages.length ? ", because of the words underlined with dots" : "";
    return el(
      "p", { class: "hinted" }, "Suggested: ", el("b", {}, labels(one, value)),
      `, ${percent(probability)}${why} `, el("span", { class: "span" }, `by ${by}`), " ",
      button(["Accept ", kbd("a")], acts.accept, { "aria-keyshortcuts": "a" })
    );
  }

  function resting(acts) {
    const marking = { id: "mark", "aria-keyshortcuts": "e" };
    return el(
      "section", { class: "resting", "aria-labelledby": "resting" },
      el("h3", { id: "resting" }, "The words it rests on"), el("ul", { id: "evidence", hidden: true }),
      el("p", { class: "small", id: "evidence-hint" },
        button(["Mark as evidence ", kbd("e")], acts.mark, marking),
        " words you select, or the sentence at ", el("kbd", {}, "j"), " ", el("kbd", {}, "k"))
    );
  }

  function quotes(one, fields, drop) {
    const list = document.getElementById("evidence");
    const rows = one.answer.evidence.map((span) => {
      const field = fields.find((f) => f.name === span.field);
      const words = field.text.slice(span.start, span.end);
      const name = { class: "plain", "aria-label": `Remove the quote: ${words}` };
      return el(
        "li", {}, el("q", { dir: "auto" }, words), " ", el("span", { class: "span" }, field.label), " ",
        button("Remove", () => drop(span), name)
      );
    });
    list.replaceChildren(...rows);
    list.hidden = !rows.length;
  }

  function confidence(one, acts) {
    const levels = [1, 2, 3].map((level) => {
      const input = el("input", { type: "radio", name: "confidence", value: level });
      input.addEventListener("change", () => acts.setConfidence(level));
      return el("label", {}, input, " ", SURE[level]);
    });
    const legend = el("legend", {}, "How sure ", kbd("−"), " ", kbd("+"));
    return el("fieldset", { class: "confidence" }, legend, ...levels);
  }

  function comment(one, acts) {
    const shape = { id: "comment", rows: 1, maxlength: 4000, dir: "auto", "aria-keyshortcuts": "c" };
    const field = el("textarea", shape);
    field.value = one.answer.comment || "";
    field.addEventListener("input", () => acts.comment(field.value));
    field.addEventListener("blur", acts.commented);
    return el("p", { class: "commenting" }, el("label", { for: "comment" }, "Comment ", kbd("c")), field);
  }

  function foot(label, earlier, acts) {
    const later = { title: "put this record at the end", "aria-keyshortcuts": "s" };
    const back = { href: earlier, id: "earlier", "aria-keyshortcuts": "b" };
    return el(
      "div", { class: "foot" }, button(["Skip ", kbd("s")], acts.skip, later),
      button(["Undo ", kbd("u")], acts.undo, { "aria-keyshortcuts": "u" }),
      earlier ? el("a", back, "Record before ", kbd("b")) : "", el("span", { class: "space" }),
      button([label, " ", kbd("⏎")], acts.next, { id: "on", class: "go", "aria-keyshortcuts": "Enter" })
    );
  }

  function check(questions, { earlier }, acts) {
    const open = questions.filter((one) => !answered(one)).length;
    const list = el("ol", { class: "checked" });
    questions.forEach((one, n) => {
      const { confidence: level, evidence, comment: remark } = one.answer;
      const quoted = evidence.length ? counted(evidence.length, "quote") : answered(one) && "no words marked";
      const told = [SURE[level || 0], quoted, remark && "comment"];
      list.append(el(
        "li", { class: answered(one) ? null : "open" },
        button(one.title, () => acts.show(n), { class: "plain" }),
        el("span", {}, el("b", {}, answered(one) ? labels(one, one.answer.value) : "open"), " ",
          el("span", { class: "span" }, told.filter(Boolean).join(", ")))
      ));
    });
    const words = open
      ? `${open} of ${counted(questions.length, "question")} ${open === 1 ? "is" : "are"} still open.`
      : `All ${counted(questions.length, "question")} are answered.`;
    const stopping = document.getElementById("stopping").content.cloneNode(true);
    return [
      el("div", { class: "scrolled" }, head(words, "Check and hand in"), list, stopping),
      foot(open ? "What is open" : "Hand in", earlier, acts),
    ];
  }

  function steps(questions, acts) {
    const list = el("ol", { class: "steps" });
    [...questions, null].forEach((one, n) => {
      list.append(el("li", {}, button(one ? String(n + 1) : "✓", () => acts.show(n), {})));
    });
    return el("nav", { "aria-label": "Questions of this record" }, list);
  }

  /* Which steps are answered and which one this is; the pane stays as it is. */
  function tellSteps(pane, questions, at) {
    pane.querySelectorAll(".steps button").forEach((step, n) => {
      const one = questions[n];
      const done = Boolean(one && answered(one));
      const how = one ? `: ${done ? labels(one, one.answer.value) : "open"}` : "";
      const name = (one ? `${n + 1}, ${one.title}` : "Check and hand in") + how;
      step.setAttribute("aria-label", name);
      step.title = name;
      step.classList.toggle("answered", done);
      if (n === at) {
        step.setAttribute("aria-current", "step");
        step.scrollIntoView({ block: "nearest", inline: "nearest" });
      } else {
        step.removeAttribute("aria-current");
      }
    });
  }

  /* The controls as the answer has it. */
  function tellAnswer(pane, one) {
    pane.querySelectorAll("input[name=value]").forEach((input) => {
      input.checked = one.answer.value.includes(input.value);
    });
    pane.querySelectorAll("input[name=confidence]").forEach((input) => {
      input.checked = one.answer.confidence === Number(input.value);
    });
  }

  return { answered, check, counted, labels, question, quotes, steps, SURE, tellAnswer, tellSteps };
})();
