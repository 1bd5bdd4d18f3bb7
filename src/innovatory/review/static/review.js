/* What the coding page and the settling page share: text and its spans, keys, talking to the server.
   Text from records is only ever put in as text. */
"use strict";

const review = (function () {
  /* An element; children are elements or texts, attributes that are null or false are left out. */
  function el(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined && value !== false) {
        made.setAttribute(name, value === true ? "" : value);
      }
    }
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  }

  function button(label, run, attributes) {
    const made = el("button", { type: "button", ...attributes }, ...[].concat(label));
    made.addEventListener("click", run);
    return made;
  }

  function kbd(key) {
    return el("kbd", { "aria-hidden": "true" }, key);
  }

  /* The server counts code points, the browser UTF-16 units: an emoji is one there and two here. */
  function pointsBefore(text, unit) {
    let points = 0;
    for (let at = 0; at < unit && at < text.length; points += 1) {
      at += text.codePointAt(at) > 0xffff ? 2 : 1;
    }
    return points;
  }

  function unitAt(text, point) {
    let at = 0;
    for (let points = 0; points < point && at < text.length; points += 1) {
      at += text.codePointAt(at) > 0xffff ? 2 : 1;
    }
    return at;
  }

  /* Spans of a payload with offsets in units; those that do not fit the record are left out. */
  function inUnits(spans, fields) {
    const texts = new Map(fields.map((field) => [field.name, field.text]));
    return (spans || [])
      .filter((span) => texts.has(span.field))
      .map((span) => {
        const text = texts.get(span.field);
        return { ...span, start: unitAt(text, span.start), end: unitAt(text, span.end) };
      });
  }

  function inPoints(span, fields) {
    const text = fields.find((field) => field.name === span.field).text;
    return {
      field: span.field,
      start: pointsBefore(text, span.start),
      end: pointsBefore(text, span.end),
      quote: text.slice(span.start, span.end),
    };
  }

  /* Fill an element with a text cut at the ends of its spans, each piece in the styles over it; the
     first and last piece of a framed span are told apart. */
  function fill(element, text, spans) {
    const cuts = new Set([0, text.length]);
    spans.forEach((span) => cuts.add(span.start).add(span.end));
    const ends = [...cuts].filter((cut) => cut >= 0 && cut <= text.length).sort((a, b) => a - b);
    const pieces = ends.slice(1).map((end, n) => {
      const start = ends[n];
      const over = spans.filter((span) => span.start < end && span.end > start);
      const piece = text.slice(start, end);
      if (!over.length) {
        return piece;
      }
      const classes = new Set(over.map((span) => span.style));
      over.filter((span) => span.framed).forEach((span) => {
        if (span.start === start) {
          classes.add(`${span.style}-begins`);
        }
        if (span.end === end) {
          classes.add(`${span.style}-ends`);
        }
      });
      return el("mark", { class: [...classes].join(" ") }, piece);
    });
    element.replaceChildren(...pieces);
  }

  /* The record as it is read: returns the element of each field's text, by name. */
  function showRecord(pane, record) {
    const passages = new Map();
    const language = languageOf(record);
    const facts = [record.kind.replace(/_/g, " "), ...record.places, named(record.language)];
    const kicker = el("p", { class: "kicker" });
    facts.filter(Boolean).forEach((fact, n) => kicker.append(n ? " · " : "", el("bdi", {}, fact)));
    const head = [kicker];
    const rest = [];
    record.fields.forEach((field) => {
      const title = field.name === "title";
      const words = el(title ? "h1" : "p", { dir: "auto", lang: language, "data-field": field.name });
      if (title) {
        words.id = "record-title";
      }
      words.classList.add("words");
      words.textContent = field.text;
      passages.set(field.name, words);
      if (title) {
        head.push(words);
      } else {
        rest.push(el("section", { class: "passage" }, el("h2", {}, field.label), words));
      }
    });
    const links = record.links.filter((link) => /^https?:\/\//i.test(link.url));
    if (links.length) {
      const list = el("ul", { class: "plain" });
      links.forEach((link) => {
        const to = { href: link.url, target: "_blank", rel: "noopener noreferrer" };
        list.append(el("li", {}, el("a", to, el("bdi", {}, link.title || link.url))));
      });
      rest.push(el("section", { class: "passage" }, el("h2", {}, "Pages that support it"), list));
    }
    pane.replaceChildren(...head, ...rest);
    return passages;
  }

  function languageOf(record) {
    try {
      return Intl.getCanonicalLocales(record.language)[0] || null;
    } catch {
      return null;
    }
  }

  function named(language) {
    try {
      return language && new Intl.DisplayNames(["en-GB"], { type: "language" }).of(language);
    } catch {
      return language;
    }
  }

  /* The sentences of all fields in reading order, as {field, start, end} without outer blanks. */
  function sentences(record) {
    const cutter = new Intl.Segmenter(languageOf(record) || "en", { granularity: "sentence" });
    return record.fields.flatMap((field) =>
      [...cutter.segment(field.text)]
        .map((cut) => trimmed(field, cut.index, cut.index + cut.segment.length))
        .filter(Boolean)
    );
  }

  function trimmed(field, start, end) {
    const words = field.text.slice(start, end);
    const from = start + (words.length - words.trimStart().length);
    const to = from + words.trim().length;
    return to > from ? { field: field.name, start: from, end: to } : null;
  }

  /* What is selected in the record, as a span for each field the selection runs through. */
  function selected(record, passages) {
    const selection = window.getSelection();
    if (!selection.rangeCount || selection.isCollapsed) {
      return [];
    }
    const range = selection.getRangeAt(0);
    return record.fields
      .map((field) => {
        const words = passages.get(field.name);
        if (!range.intersectsNode(words)) {
          return null;
        }
        const inside = document.createRange();
        inside.selectNodeContents(words);
        const before = inside.cloneRange();
        if (words.contains(range.startContainer)) {
          inside.setStart(range.startContainer, range.startOffset);
        }
        if (words.contains(range.endContainer)) {
          inside.setEnd(range.endContainer, range.endOffset);
        }
        before.setEnd(inside.startContainer, inside.startOffset);
        const start = before.toString().length;
        return trimmed(field, start, start + inside.toString().length);
      })
      .filter(Boolean);
  }

  /* Tell a screen reader; the same words again are told again. */
  function say(words) {
    const place = document.getElementById("said");
    place.textContent = "";
    setTimeout(() => {
      place.textContent = words;
    }, 30);
  }

  let token = document.querySelector("meta[name=csrf-token]").content;
  let outdated = false;

  /* What the server refused, or that it was not reached (status 0). */
  class Failure extends Error {
    constructor(status, message, nextStep) {
      super(message);
      this.status = status;
      this.next_step = nextStep || "";
    }

    /* One sentence without its end: what happened, and what to do. */
    get words() {
      return [this.message, this.next_step].filter(Boolean).join("; ");
    }

    /* Whether the same request can succeed later without being changed. */
    get passing() {
      return [0, 401, 403, 408, 429].includes(this.status) || this.status >= 500;
    }
  }

  async function ask(address, body) {
    if (outdated) {
      await renewToken();
      outdated = false;
    }
    const how = { headers: { Accept: "application/json" }, credentials: "same-origin" };
    if (body) {
      how.method = "POST";
      how.headers["Content-Type"] = "application/json";
      how.headers["X-CSRF-Token"] = token;
      how.body = JSON.stringify(body);
    }
    let answer;
    try {
      answer = await fetch(address, how);
    } catch {
      throw new Failure(0, "the server cannot be reached", "");
    }
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) {
      return said;
    }
    outdated = answer.status === 401 || answer.status === 403;
    throw new Failure(answer.status, said.error || "the server failed", said.next_step);
  }

  /* After logging in again in another tab, the session of this page has another token. */
  async function renewToken() {
    try {
      const page = await (await fetch("/", { credentials: "same-origin" })).text();
      const meta = new DOMParser().parseFromString(page, "text/html");
      token = meta.querySelector("meta[name=csrf-token]").content || token;
    } catch {
      /* The server is out of reach, which what is asked next will tell. */
    }
  }

  /* The classes of a question as one group of radio buttons or boxes, each with its definition;
     `beside(option)` may add an element. */
  const MANY = 8;

  function options(question, changed, named, beside) {
    const group = el("div", {
      class: question.classes.length > MANY ? "options many" : "options",
      role: question.multi ? "group" : "radiogroup", ...named,
    });
    question.classes.forEach((option, n) => {
      const id = `class-${n}`;
      const key = KEYS[n];
      const input = el("input", {
        type: question.multi ? "checkbox" : "radio", name: "value", value: option.id, id,
        "aria-labelledby": `${id}-label`, "aria-keyshortcuts": key || null,
        "aria-describedby": option.definition ? `${id}-definition` : null,
      });
      input.addEventListener("change", () => changed(option.id));
      const words = el("span", {}, el("span", { class: "option-label", id: `${id}-label` }, option.label));
      if (option.definition) {
        words.append(" ", el("span", { class: "definition", id: `${id}-definition` }, option.definition));
      }
      words.append(beside ? beside(option) : "");
      group.append(el("label", { class: "option", for: id }, key ? kbd(key) : el("span", {}), input, words));
    });
    return group;
  }

  const KEYS = [..."1234567890qwrtyiop"];

  /* Keys: {keys, does, run}; `keys` as KeyboardEvent.key names them, letters small. */
  const QUIET = "innovatory-single-keys-off";

  function keyboard(commands, optionKey) {
    const dialog = document.getElementById("keys");
    showKeys(dialog, commands);
    document.getElementById("keys-button").addEventListener("click", () => dialog.showModal());
    document.addEventListener("keydown", (event) => {
      const covered = document.querySelector("dialog[open]");
      if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || covered) {
        return;
      }
      const target = event.target;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (target.matches("textarea, select, input:not([type=radio], [type=checkbox])")) {
        if (key === "Escape") {
          target.blur();
          document.querySelector("#asking input").focus();
        }
        return;
      }
      if (key === "Enter" && target.matches("a, button, summary")) {
        return;
      }
      if (key.length === 1 && localStorage.getItem(QUIET)) {
        return;
      }
      const name = event.shiftKey && key === "Enter" ? "Shift+Enter" : key;
      const command = commands.find((one) => one.keys.includes(name));
      const place = KEYS.indexOf(key);
      if (event.repeat && !(command && command.repeats)) {
        return;
      }
      if (command) {
        event.preventDefault();
        command.run();
      } else if (key === "?") {
        event.preventDefault();
        dialog.showModal();
      } else if (place >= 0 && optionKey(place)) {
        event.preventDefault();
      }
    });
  }

  /* The codebook over the page, open at the question that `current()` names. */
  function codebook(current) {
    const dialog = document.getElementById("book");
    const open = () => {
      dialog.showModal();
      const entry = current() && document.getElementById(`book-${current()}`);
      if (entry) {
        entry.scrollIntoView({ block: "start" });
      }
    };
    document.getElementById("book-button").addEventListener("click", open);
    document.getElementById("book-close").addEventListener("click", () => dialog.close());
    return { keys: ["d"], does: "definitions: the whole codebook", run: open };
  }

  const SHOWN = { Enter: "⏎", "Shift+Enter": "⇧ ⏎", Backspace: "⌫" };

  function showKeys(dialog, commands) {
    const list = el("dl", { class: "keys" });
    const rows = [
      { shown: ["1", "…", "9", "0", "q"], does: "choose the class that bears the key" },
      ...commands.map((one) => ({ ...one, shown: one.keys.map((key) => SHOWN[key] || key) })),
      { shown: ["Esc"], does: "leave a text field, or close this" },
      { shown: ["?"], does: "show the keys" },
    ];
    rows.forEach((row) => {
      const keys = row.shown.map((key) => (key === "…" ? "…" : el("kbd", {}, key)));
      list.append(el("div", {}, el("dt", {}, ...keys), el("dd", {}, row.does)));
    });
    const box = el("input", { type: "checkbox" });
    box.checked = !localStorage.getItem(QUIET);
    box.addEventListener("change", () => {
      if (box.checked) {
        localStorage.removeItem(QUIET);
      } else {
        localStorage.setItem(QUIET, "yes");
      }
    });
    dialog.replaceChildren(
      el("h2", { id: "keys-title" }, "Keys"), list,
      el("label", { class: "small" }, box, " Single keys work (switch off if a voice or another aid presses them)"),
      button("Close", () => dialog.close(), { class: "go" })
    );
  }

  function percent(share) {
    return `${Math.round(100 * share)}%`;
  }

  return {
    ask, button, codebook, el, fill, Failure, inPoints, inUnits, kbd, keyboard, options, percent,
    pointsBefore, say, selected, sentences, showRecord, unitAt,
  };
})();
