/* Sorting, filtering, and showing quotes whole. Every page says the same without it. */
(function () {
  "use strict";

  /* Coders are bits; what no coder needs to say is said by all of them. */
  var EVERYBODY = BigInt(-1);

  var forward = document.body.getAttribute("data-forward");
  if (forward && !location.hash) {
    location.replace(forward);
    return;
  }

  function value(cell) {
    var own = cell.getAttribute("data-v");
    var text = own === null || own === "" ? cell.textContent.trim() : own;
    var number = text === "" ? NaN : Number(text);
    return isNaN(number) ? text.toLowerCase() : number;
  }

  function compare(a, b) {
    if (typeof a === typeof b) {
      return typeof a === "number" ? a - b : a.localeCompare(b);
    }
    return typeof a === "number" ? -1 : 1;
  }

  function sort(table, heading, place) {
    var descending = heading.getAttribute("aria-sort") === "ascending";
    if (!heading.hasAttribute("aria-sort")) {
      descending = heading.classList.contains("n");
    }
    table.querySelectorAll("thead [aria-sort]").forEach(function (other) {
      other.removeAttribute("aria-sort");
    });
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    var rows = Array.prototype.map.call(table.tBodies[0].rows, function (row, n) {
      return { row: row, n: n, value: value(row.cells[place]) };
    });
    rows.sort(function (a, b) {
      var order = compare(a.value, b.value);
      return (descending ? -order : order) || a.n - b.n;
    });
    rows.forEach(function (entry) {
      table.tBodies[0].appendChild(entry.row);
    });
  }

  document.querySelectorAll("table.sortable").forEach(function (table) {
    if (table.tBodies[0].rows.length < 3) {
      return;
    }
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (heading, place) {
      if (heading.tagName !== "TH") {
        return;
      }
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      heading.textContent = "";
      heading.appendChild(button);
      button.addEventListener("click", function () {
        sort(table, heading, place);
      });
    });
  });

  /* The list of records: the filters stand in the fragment of the address. */
  var form = document.querySelector("form.filters");
  if (form) {
    filters(form);
  }

  function filters(form) {
    var selects = Array.prototype.slice.call(form.querySelectorAll("select"));
    var words = form.querySelector("input");
    var status = document.querySelector(".count");
    var rows = Array.prototype.map.call(
      document.querySelectorAll("table.filtered tbody tr"),
      function (row) {
        var marks = {};
        row.getAttribute("data-k").split(" ").forEach(function (mark) {
          var parts = mark.split(":");
          marks[parts[0]] = parts.length > 1 ? BigInt("0x" + parts[1]) : EVERYBODY;
        });
        var text = row.cells[0].textContent + " " + row.cells[1].textContent;
        return { row: row, marks: marks, text: text.toLowerCase() };
      }
    );

    /* The coders who say all that is wanted, and those who answered all that is asked. */
    function votes(marks, wanted) {
      var said = EVERYBODY;
      var answered = EVERYBODY;
      wanted.forEach(function (select) {
        var chosen = select.options[select.selectedIndex].getAttribute("data-k");
        var any = BigInt(0);
        Array.prototype.forEach.call(select.options, function (option) {
          any |= marks[option.getAttribute("data-k")] || BigInt(0);
        });
        said &= marks[chosen] || BigInt(0);
        answered &= any;
      });
      return { fits: said !== BigInt(0), disputed: (said & answered) !== answered };
    }

    function show() {
      var wanted = selects.filter(function (select) {
        return select.value;
      });
      var looked = words.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      var found = 0;
      var disputed = 0;
      rows.forEach(function (entry) {
        var vote = votes(entry.marks, wanted);
        var fits = vote.fits && looked.every(function (word) {
          return entry.text.indexOf(word) >= 0;
        });
        entry.row.hidden = !fits;
        found += fits ? 1 : 0;
        disputed += fits && vote.disputed ? 1 : 0;
      });
      var text = found + (found === 1 ? " record" : " records");
      if (disputed) {
        text += ": " + (found - disputed) + " by all their coders, " + disputed + " disputed";
      }
      status.textContent = text;
    }

    function read() {
      var chosen = new URLSearchParams(location.hash.slice(1));
      words.value = chosen.get("words") || "";
      var folded = false;
      selects.forEach(function (select) {
        select.value = chosen.get(select.name) || "";
        if (select.selectedIndex < 0) {
          select.value = "";
        }
        folded = folded || (select.value && select.closest("details"));
      });
      if (folded) {
        form.querySelector("details").open = true;
      }
      show();
    }

    function write() {
      var chosen = new URLSearchParams();
      selects.forEach(function (select) {
        if (select.value) {
          chosen.set(select.name, select.value);
        }
      });
      if (words.value.trim()) {
        chosen.set("words", words.value.trim());
      }
      var text = chosen.toString();
      history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
      show();
    }

    form.hidden = false;
    form.addEventListener("change", write);
    words.addEventListener("input", write);
    form.addEventListener("submit", function (event) {
      event.preventDefault();
    });
    form.addEventListener("reset", function () {
      setTimeout(write, 0);
    });
    window.addEventListener("hashchange", read);
    read();
  }

  /* A quote that others cut into pieces is lit as a whole. */
  function light(number, on) {
    document.querySelectorAll("mark[data-q]").forEach(function (mark) {
      if (mark.getAttribute("data-q").trim().split(" ").indexOf(number) >= 0) {
        mark.classList.toggle("lit", on);
      }
    });
  }

  document.querySelectorAll(".quote a[href^='#q'], .peg a").forEach(function (link) {
    var number = link.closest(".peg") ? link.textContent : link.getAttribute("href").slice(2);
    ["mouseenter", "focus"].forEach(function (name) {
      link.addEventListener(name, function () {
        light(number, true);
      });
    });
    ["mouseleave", "blur"].forEach(function (name) {
      link.addEventListener(name, function () {
        light(number, false);
      });
    });
  });
})();
