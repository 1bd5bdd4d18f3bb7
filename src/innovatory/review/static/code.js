/* Coding one record: its words on the left, one question after the other on the right. Spans are in
   UTF-16 units in here and in code points on their way. */
"use strict";

(function () {
  const { ask, button, el, inPoints, inUnits, say } = review;
  const { answered, counted, labels, SURE } = panes;
  const item = decodeURIComponent(location.pathname.replace(/^\/code\//, ""));
  const asking = document.getElementById("asking");
  const reading = document.getElementById("reading");
  const EXCLUSIVE = ["none", "unclear", "unknown"];
  const COMMENT_PAUSE = 800;

  let state = null;
  let words = null;
  let at = 0;
  let since = performance.now();
  let away = document.hidden;
  let typing = null;
  let leaving = false;

  const acts = {
    accept, choose, comment, commented, mark, next, setConfidence, show, undo,
    skip: () => leave("/api/skip"),
  };

  const queue = saving.queue({
    send: async (body) => {
      clock();
      const one = find(body.dimension);
      const told = one.spent;
      const reply = await ask("/api/answer", { ...body, seconds: Math.round(told) / 1000 });
      one.spent -= told;
      return reply;
    },
    saved: (_dimension, reply) => {
      state.position = reply.position;
      state.can_undo = reply.can_undo;
      showStand();
    },
    told: showState,
  });

  /* ---- what is known ---- */

  function take(payload) {
    const spent = new Map((state ? state.questions : []).map((one) => [one.dimension, one.spent]));
    const { fields } = payload.record;
    payload.questions.forEach((one) => {
      const given = one.answer || { value: [], confidence: null, comment: "", evidence: [] };
      one.answer = { ...given, evidence: inUnits(given.evidence, fields) };
      one.spent = spent.get(one.dimension) || 0;
      if (one.suggestion) {
        one.suggestion.passages = inUnits(one.suggestion.passages, fields);
      }
    });
    state = payload;
  }

  function find(dimension) {
    return state.questions.find((one) => one.dimension === dimension);
  }

  /* The question at hand; at the check there is none. */
  function question() {
    return state.questions[at];
  }

  function openQuestions() {
    return state.questions.filter((one) => !answered(one));
  }

  function unsaved() {
    return queue.left() > 0 || typing !== null;
  }

  /* Time with the page out of sight is not time spent on the question. */
  function clock() {
    const now = performance.now();
    if (question() && !away) {
      question().spent += now - since;
    }
    since = now;
  }

  /* ---- saving ---- */

  function save(one) {
    clearTimeout(typing);
    typing = null;
    const { value, confidence, comment: remark, evidence } = one.answer;
    queue.put(one.dimension, {
      item, dimension: one.dimension, value, confidence, comment: remark,
      evidence: evidence.map((span) => inPoints(span, state.record.fields)),
    });
  }

  function showState({ kind, left, failure, seconds }) {
    const place = document.getElementById("state");
    const told = (sentence, ...more) => {
      place.className = `state ${kind}`;
      place.replaceChildren(sentence, " ", ...more);
      say(sentence);
    };
    if (kind === "saving") {
      place.className = "state saving";
      place.textContent = "Saving…";
    } else if (kind === "saved") {
      const n = state.questions.length - openQuestions().length;
      told(`Saved · ${n} of ${state.questions.length} answered`);
    } else if (kind === "waiting") {
      const why = failure.status === 401 ? "log in again in another tab" : failure.words;
      const kept = `${counted(left, "answer")} kept on this page, next try in ${seconds} s.`;
      told(`Not saved: ${why}. ${kept}`, button("Try now", queue.now, {}));
    } else {
      const onwards = failure.status === 409 ? el("a", { href: "/code" }, "Next record") : "";
      told(`Not saved: ${failure.words || failure.message}.`, onwards);
    }
    if (state) {
      panes.tellSteps(asking, state.questions, at);
    }
  }

  function showStand() {
    const { done, of, minutes_left: minutes } = state.position;
    const long = minutes >= 90 ? `${(minutes / 60).toFixed(1)} h` : `${Math.max(1, Math.round(minutes))} min`;
    const left = minutes === null ? "" : ` · about ${long} left`;
    document.getElementById("stand").textContent = `${done} of ${of} records done${left}`;
    const bar = document.getElementById("draw");
    bar.hidden = false;
    bar.max = of || 1;
    bar.value = done;
  }

  /* ---- the words it rests on ---- */

  function showWords() {
    const one = question();
    const evidence = (one ? [one] : state.questions).flatMap((shown) => shown.answer.evidence);
    words.show(evidence, one && one.suggestion ? one.suggestion.passages : []);
  }

  function mark() {
    const one = question();
    const spans = one ? words.taken() : [];
    if (one && !spans.length) {
      say("Select words of the record first, or go to a sentence with j.");
      document.getElementById("evidence-hint").classList.add("asked");
    } else if (one) {
      one.answer.evidence = spans.reduce(marking.toggled, one.answer.evidence);
      evidenceChanged(one);
    }
  }

  /* The focus goes back to the classes: on a button Enter would press it again. */
  function evidenceChanged(one) {
    showWords();
    showQuotes();
    focusClasses();
    save(one);
  }

  function focusClasses() {
    const first = "input[name=value]";
    (asking.querySelector(`${first}:checked`) || asking.querySelector(first)
      || document.getElementById("on")).focus({ preventScroll: true });
  }

  function showQuotes() {
    const one = question();
    panes.quotes(one, state.record.fields, (span) => {
      one.answer.evidence = one.answer.evidence.filter((e) => e !== span);
      evidenceChanged(one);
    });
  }

  /* ---- answering ---- */

  function answer(one, value) {
    one.answer.value = one.classes.map((c) => c.id).filter((id) => value.includes(id));
    panes.tellAnswer(asking, one);
    save(one);
  }

  function choose(id) {
    const one = question();
    const { value } = one.answer;
    if (!one.multi) {
      answer(one, [id]);
    } else if (value.includes(id)) {
      answer(one, value.filter((v) => v !== id));
    } else if (EXCLUSIVE.includes(id)) {
      answer(one, [id]);
    } else {
      answer(one, [...value.filter((v) => !EXCLUSIVE.includes(v)), id]);
    }
  }

  function chooseByKey(place) {
    const one = question();
    if (!one || !one.classes[place]) {
      return false;
    }
    choose(one.classes[place].id);
    document.getElementById(`class-${place}`).focus();
    return true;
  }

  function accept() {
    const one = question();
    if (one && one.suggestion) {
      answer(one, one.suggestion.value);
    }
  }

  function setConfidence(level) {
    const one = question();
    one.answer.confidence = level;
    panes.tellAnswer(asking, one);
    say(SURE[level]);
    save(one);
  }

  /* The first press goes to the end of the scale, as most answers belong there. */
  function surer(step) {
    if (question()) {
      const had = question().answer.confidence;
      const first = step > 0 ? 3 : 1;
      setConfidence(had === null ? first : Math.min(3, Math.max(1, had + step)));
    }
  }

  function comment(remark) {
    question().answer.comment = remark;
    clearTimeout(typing);
    typing = setTimeout(commented, COMMENT_PAUSE);
  }

  function commented() {
    if (typing !== null) {
      save(question());
    }
  }

  /* ---- going about ---- */

  function show(place) {
    clock();
    commented();
    at = Math.min(Math.max(place, 0), state.questions.length);
    const one = question();
    const earlier = sessionStorage.getItem("earlier");
    const about = {
      kicker: `Question ${at + 1} of ${state.questions.length}`,
      blind: state.blind,
      earlier: earlier && earlier !== item ? `/code/${encodeURIComponent(earlier)}` : "",
    };
    const pane = one ? panes.question(one, about, acts) : panes.check(state.questions, about, acts);
    asking.replaceChildren(panes.steps(state.questions, acts), ...pane);
    panes.tellSteps(asking, state.questions, at);
    showWords();
    if (one) {
      panes.tellAnswer(asking, one);
      showQuotes();
    }
    focusClasses();
  }

  function next() {
    const open = openQuestions();
    if (question()) {
      show(at + 1);
    } else if (open.length) {
      show(state.questions.indexOf(open[0]));
    } else {
      leave("/api/submit");
    }
  }

  async function flushed() {
    commented();
    const all = await queue.settled();
    if (!all) {
      say("Not everything is saved yet.");
    }
    return all;
  }

  async function attempt(work) {
    try {
      await work();
    } catch (failure) {
      showState({ kind: "failed", failure });
    }
  }

  async function leave(address) {
    if (leaving || !(await flushed())) {
      return;
    }
    await attempt(async () => {
      const { next: onwards } = await ask(address, { item });
      leaving = true;
      sessionStorage.setItem("earlier", item);
      location.assign(onwards);
    });
  }

  async function undo() {
    if (!(await flushed())) {
      return;
    }
    if (!state.can_undo) {
      say("Nothing to undo.");
      return;
    }
    await attempt(async () => {
      const before = state.questions.map((known) => JSON.stringify(known.answer));
      take(await ask("/api/undo", { item }));
      const place = state.questions.findIndex((now, n) => JSON.stringify(now.answer) !== before[n]);
      show(place < 0 ? at : place);
      showStand();
      const back = question();
      const now = back && answered(back) ? `is ${labels(back, back.answer.value)} again` : "is open again";
      showState({ kind: "saved" });
      say(`Undone: ${back ? back.title : "it"} ${now}.`);
    });
  }

  /* ---- beginning ---- */

  const commands = [
    { keys: ["Enter"], does: "next question; at the end, hand in", run: next },
    { keys: ["Shift+Enter"], does: "question before", run: () => show(at - 1) },
    { keys: ["a"], does: "accept the suggestion", run: accept },
    { keys: ["j"], does: "next sentence of the record", run: () => words.move(1), repeats: true },
    { keys: ["k"], does: "sentence before", run: () => words.move(-1), repeats: true },
    { keys: ["e"], does: "mark the selected words, or the sentence; again: unmark", run: mark },
    { keys: ["+", "="], does: "surer", run: () => surer(1) },
    { keys: ["-"], does: "less sure", run: () => surer(-1) },
    { keys: ["c"], does: "comment", run: () => press("comment", "focus") },
    { keys: ["u", "Backspace"], does: "undo", run: undo },
    { keys: ["s"], does: "skip: the record comes back later", run: acts.skip },
    { keys: ["b"], does: "back to the record before", run: () => press("earlier", "click") },
    review.codebook(() => question() && question().dimension),
  ];

  function press(id, how) {
    const found = document.getElementById(id);
    if (found) {
      found[how]();
    }
  }

  function start() {
    words = marking.reader(reading, state.record);
    document.title = `${state.record.title} · ${document.title}`;
    if (state.done) {
      reading.prepend(el(
        "p", { class: "told" },
        "You handed this record in. A changed answer replaces the earlier one once you hand it in again."
      ));
    }
    showStand();
    const first = state.questions.findIndex((one) => !answered(one));
    show(first < 0 ? state.questions.length : first);
    review.keyboard(commands, chooseByKey);
    document.addEventListener("visibilitychange", () => {
      clock();
      away = document.hidden;
    });
    window.addEventListener("beforeunload", (event) => {
      if (!leaving && unsaved()) {
        event.preventDefault();
      }
    });
  }

  async function begin() {
    try {
      take(await ask(`/api/item/${encodeURIComponent(item)}`));
    } catch (failure) {
      reading.replaceChildren(
        el("p", { class: "refused", role: "alert" }, `This record cannot be shown: ${failure.words}.`),
        button("Try again", begin, { class: "go" })
      );
      return;
    }
    start();
  }

  begin();
})();
