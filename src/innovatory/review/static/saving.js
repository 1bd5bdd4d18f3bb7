/* The queue of answers on their way to the server: one at a time, the newest of each question, kept
   and tried again while the server cannot be reached. */
"use strict";

const saving = (function () {
  const LONGEST_WAIT = 15;

  /* `send(body)` resolves when the answer is stored; `saved(key, reply)` and `told(state)` are called
     as things happen. A state is {kind, left, failure, seconds}, of kind saved, saving, waiting
     (tried again by itself) or refused (not before it is changed). */
  function queue({ send, saved, told }) {
    const waiting = new Map();
    const refused = new Map();
    let sending = null;
    let failures = 0;
    let timer = null;
    let listeners = [];

    function left() {
      return waiting.size + refused.size;
    }

    function stop(state) {
      told({ left: left(), ...state });
      const heard = listeners;
      listeners = [];
      heard.forEach((listener) => listener(left() === 0));
    }

    function put(key, body) {
      refused.delete(key);
      waiting.delete(key);
      waiting.set(key, body);
      if (!timer) {
        pump();
      }
    }

    async function pump() {
      if (sending) {
        return;
      }
      clearTimeout(timer);
      timer = null;
      try {
        while (waiting.size) {
          sending = waiting.entries().next().value;
          const [key, body] = sending;
          told({ kind: "saving", left: left() });
          const reply = await send(body);
          if (waiting.get(key) === body) {
            waiting.delete(key);
          }
          failures = 0;
          saved(key, reply);
        }
      } catch (failure) {
        const [key, body] = sending;
        sending = null;
        fail(failure, key, body);
        return;
      }
      sending = null;
      const last = [...refused.values()].pop();
      stop(last ? { kind: "refused", failure: last } : { kind: "saved" });
    }

    function fail(failure, key, body) {
      if (failure.passing) {
        failures += 1;
        const seconds = Math.min(LONGEST_WAIT, 2 ** (failures - 1));
        timer = setTimeout(pump, 1000 * seconds);
        stop({ kind: "waiting", failure, seconds });
        return;
      }
      if (waiting.get(key) === body) {
        waiting.delete(key);
        refused.set(key, failure);
      }
      pump();
    }

    /* Whether all is stored, once nothing is on its way any more. */
    function settled() {
      if (!sending && !waiting.size) {
        return Promise.resolve(left() === 0);
      }
      const heard = new Promise((resolve) => listeners.push(resolve));
      pump();
      return heard;
    }

    window.addEventListener("online", pump);
    return { put, settled, left, now: pump };
  }

  return { queue };
})();
