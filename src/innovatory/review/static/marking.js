/* The words of a record on the coding page: what is marked in them, the sentence one is at, what is
   selected. Spans are {field, start, end} in UTF-16 units. */
"use strict";

const marking = (function () {
  const { fill, say } = review;
  const JUST_NOW = 1500;

  /* Evidence with a span added. The same words again unmark them; marks that meet become one. */
  function toggled(evidence, span) {
    const same = (e) => e.field === span.field && e.start === span.start && e.end === span.end;
    const meets = (e) => e.field === span.field && e.start < span.end && e.end > span.start;
    if (evidence.some(same)) {
      return evidence.filter((e) => !same(e));
    }
    const met = [span, ...evidence.filter(meets)];
    const start = Math.min(...met.map((e) => e.start));
    const end = Math.max(...met.map((e) => e.end));
    return [...evidence.filter((e) => !meets(e)), { field: span.field, start, end }];
  }

  /* Passages of a suggestion in three strengths, relative to the strongest of them. */
  function hints(found) {
    const most = Math.max(...found.map((span) => Math.abs(span.weight)), 1e-9);
    return found.map((span) => {
      const strength = Math.max(1, Math.ceil((3 * Math.abs(span.weight)) / most));
      return { ...span, style: `hint hint-${strength}` };
    });
  }

  function reader(pane, record) {
    const passages = review.showRecord(pane, record);
    const sentences = review.sentences(record);
    let here = -1;
    let marks = [];
    let lastSelected = { spans: [], ended: 0 };

    function draw() {
      const spans = here < 0 ? marks : [...marks, { ...sentences[here], style: "here", framed: true }];
      record.fields.forEach((field) => {
        const own = spans.filter((span) => span.field === field.name);
        fill(passages.get(field.name), field.text, own);
      });
    }

    function show(evidence, because) {
      marks = [...hints(because), ...evidence.map((span) => ({ ...span, style: "own" }))];
      draw();
    }

    function forget() {
      window.getSelection().removeAllRanges();
      lastSelected = { spans: [], ended: 0 };
    }

    function move(step) {
      if (!sentences.length) {
        return;
      }
      here = Math.min(Math.max(here + step, 0), sentences.length - 1);
      forget();
      draw();
      pane.querySelector("mark.here").scrollIntoView({ block: "nearest" });
      const { field, start, end } = sentences[here];
      say(record.fields.find((one) => one.name === field).text.slice(start, end));
    }

    /* A tap on the button ends the selection before the click: what was selected just now counts. */
    document.addEventListener("selectionchange", () => {
      const spans = review.selected(record, passages);
      if (spans.length) {
        lastSelected = { spans, ended: Infinity };
      } else if (lastSelected.ended === Infinity) {
        lastSelected.ended = performance.now();
      }
    });

    /* The spans to be marked: what is selected, else the sentence one is at; then neither is. */
    function taken() {
      let spans = review.selected(record, passages);
      if (!spans.length && performance.now() - lastSelected.ended < JUST_NOW) {
        spans = lastSelected.spans;
      }
      if (!spans.length && here >= 0) {
        spans = [sentences[here]];
      }
      forget();
      return spans;
    }

    return { move, show, taken };
  }

  return { reader, toggled };
})();
