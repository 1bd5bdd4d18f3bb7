"""The review app in a browser, by keyboard and mouse, as coders and adjudicators use it."""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from innovatory import observatory
from innovatory.observatory import Observatory
from innovatory.records import (
    Coder,
    Coding,
    Draw,
    Event,
    Evidence,
    Fact,
    Link,
    Place,
    Record,
    Row,
    Source,
)
from innovatory.review import accounts
from innovatory.review.state import State
from innovatory.review.visits import COOKIE
from sources_data import ROOT

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "a long enough password"
MODEL = "model-1"
TEXT = (
    "City 01 🚌 tests green lights for buses. Sensors on 40 junctions tell when a bus is near. "
    "Residents of the Lower Quarter chose the stops in six workshops. "
    "The first line went into service in 2021."
)
BUSES = Record(
    "city-01-buses", "project", "Green lights for buses in City 01", TEXT, language="en",
    keywords=("bus", "sensor"), places=(Place("City 01"),),
    events=(Event("2021", "pilot", "first line"),),
    links=(Link("https://example.org/buses", "Project page"), Link("javascript:alert(1)", "No")),
)  # fmt: skip
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
HOSTILE = Record(
    "city-02-hostile", "project", f"{MARKUP} {'W' * 400}",
    f"مدينة 02 🚋🚋 تختبر الحافلات {MARKUP} \u202eevil\u202c end. {'loong' * 200}\n\nLast words.",
    language="x-nonsense-", places=(Place(f"{MARKUP}City 02"),), keywords=("</main>", "'\"--"),
)  # fmt: skip


def suggest(record_id: str) -> dict[str, Any]:
    """A suggestion for the sector that rests on two passages of the description."""
    from innovatory.review import Suggestion

    start = TEXT.index("green lights")
    passages = (("description", start, start + 12, 0.9), ("description", 0, 7, 0.2))
    found = Suggestion(("transport",), 0.812, passages, MODEL)
    return {"sector": found} if record_id == BUSES.id else {}


def widths() -> list[Any]:
    """Three shares: one sure enough, one that needs more, one that cannot become so."""
    from innovatory.review import Width

    told = (("transport", 0.28, 0.03, 0), ("safety", 0.2, 0.06, 40), ("other", 0.02, 0.05, None))
    return [
        Width("sector", name, f"Sector: {name}", at, at - 0.02, at + 0.02, half, 0.04, more)
        for name, at, half, more in told
    ]


def duplicates() -> list[Any]:
    """A pair of records that look alike."""
    from innovatory.review import Duplicate

    return [Duplicate(BUSES.id, HOSTILE.id, 0.83, ("same year", f"title {MARKUP}"))]


def made(folder: Path, facts: Iterable[Fact], accounts: Mapping[str, str]) -> Observatory:
    """An observatory with these facts and accounts (role by name)."""
    from innovatory.review import add_coder

    found = observatory.new(folder, title="Test cities")
    rows = [Row(n, fact) for n, fact in enumerate(facts, start=1)]
    coders = [Coder(MODEL, "machine"), Coder("ben", "person"), Coder("cleo", "person")]
    with found.ledger(create=True) as ledger:
        ledger.import_file(
            rows, source=Source("made", "Made up"), file="made", sha256="1", coders=coders,
            codebook=found.book.version,
        )  # fmt: skip
    for name, role in accounts.items():
        add_coder(found, name, role=role, password=PASSWORD)
    return found


@pytest.fixture(scope="module", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hashes of these tests take no time."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(accounts, "_HASHER", cheap)
        yield


_SERVED: dict[str, Observatory] = {}


@contextmanager
def served(found: Observatory) -> Iterator[str]:
    """The address at which the review app of an observatory is served meanwhile."""
    import uvicorn

    from innovatory.review import app

    offers = {"suggest": suggest, "widths": widths, "duplicates": duplicates}
    server = uvicorn.Server(
        uvicorn.Config(app(found, **offers), log_level="warning", ws="none")  # type: ignore[arg-type]
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            _SERVED[address] = found
            yield address
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium, headless."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).exists() or not shutil.which(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not installed")
    with api.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@contextmanager
def opened(browser: Any, address: str, name: str = "") -> Iterator[Any]:
    """A page with a session of that name, at the overview, that must end without complaints."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, reduced_motion="reduce", base_url=address
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.type) or dialog.dismiss())
    page.on(
        "request",
        lambda request: request.url.startswith(address) or complaints.append(request.url),
    )
    if name:
        with State.open(_SERVED[address]) as state:
            token = accounts.Accounts(state, time.time).log_in(name, PASSWORD, "192.0.2.1")
        context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
        page.goto("/")
    page.complaints = complaints
    yield page
    assert complaints == []
    context.close()


def log_in(page: Any, name: str) -> None:
    """From the overview through the log-in to the overview, by keyboard."""
    page.goto("/")
    page.locator("input[name=name]:focus").wait_for()
    page.keyboard.type(name)
    press(page, "Tab")
    page.keyboard.type(PASSWORD)
    press(page, "Enter")
    page.wait_for_selector("text=Your desk")


def saved(page: Any, number: int, of: int = 13) -> None:
    """Wait until the page says that so many answers are saved."""
    page.locator("#state.saved", has_text=f"Saved · {number} of {of} answered").wait_for()


def begin(page: Any, questions: int) -> None:
    """Open the next item, which asks so many questions."""
    page.goto("/code")
    page.wait_for_selector(f"text=Question 1 of {questions}")


def press(page: Any, *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        page.keyboard.press(key)


def select(page: Any, field: str, words: str) -> None:
    """Select words of a field as a mouse would, however they are cut into marks."""
    found = page.evaluate(
        """([field, words]) => {
          const pane = document.querySelector(`[data-field="${CSS.escape(field)}"]`);
          const start = pane.textContent.indexOf(words);
          const walk = document.createTreeWalker(pane, NodeFilter.SHOW_TEXT);
          const range = document.createRange();
          let seen = 0;
          for (let node = walk.nextNode(); node; node = walk.nextNode()) {
            const end = seen + node.length;
            if (start >= seen && start < end) range.setStart(node, start - seen);
            if (start + words.length > seen && start + words.length <= end) {
              range.setEnd(node, start + words.length - seen);
            }
            seen = end;
          }
          getSelection().removeAllRanges();
          getSelection().addRange(range);
          return getSelection().toString();
        }""",
        [field, words],
    )
    assert found == words


def codings(found: Observatory, coder: str) -> dict[str, dict[str, Any]]:
    """What the ledger holds of a coder, by dimension, with the quotes."""
    with found.ledger() as ledger:
        facts = {name: table.to_pylist() for name, table in ledger.facts().items()}
    mine = {c["dimension"]: c for c in facts["codings"] if c["coder_id"] == coder}
    for name, coding in mine.items():
        coding["quotes"] = [
            (e["field"], e["start"], e["end"], e["quote"])
            for e in facts["evidence"]
            if (e["record_id"], e["coder_id"], e["dimension"]) == (coding["record_id"], coder, name)
        ]
    return mine


def quote(record: Record, field: str, words: str) -> tuple[str, int, int, str]:
    """Words of a record with their place in code points, as Python counts."""
    start = record.passages()[field].index(words)
    return (field, start, start + len(words), words)


def code_by_keyboard(page: Any) -> None:
    """Answer the 13 questions of a record, with everything that can be said of one."""
    page.wait_for_selector("text=Question 1 of 13")
    select(page, "description", "green lights")
    press(page, "1", "e")
    saved(page, 1)
    press(page, "Enter", "2", "j", "j", "e", "+", "c")
    page.keyboard.type("nothing new 🚌 here")
    press(page, "Escape", "Enter")
    saved(page, 2)
    press(page, "3", "Enter", "1", "-", "Enter", "1", "1", "Enter", "5", "Enter")
    saved(page, 6)
    assert page.locator(".hinted").inner_text().startswith("Suggested: Transport, 81%, because")
    press(page, "a", "Enter", "5", "Enter", "2", "Enter", "1", "Enter")
    press(page, "1", "2", "7", "3", "6", "Enter", "5", "Enter", "4", "1", "Enter")
    saved(page, 13)
    page.wait_for_selector("text=All 13 questions are answered.")


def test_a_record_is_coded_by_keyboard_alone(tmp_path: Path, browser: Any) -> None:
    """The ledger holds what was keyed: classes, words, confidence, comment, time, suggestion."""
    facts: list[Fact] = [BUSES, Draw("d1", "simple_random", 1, members={BUSES.id: 0.5})]
    found = made(tmp_path / "obs", facts, {"anna": "coder"})
    with served(found) as address, opened(browser, address) as page:
        log_in(page, "anna")
        page.get_by_role("link", name="Code the next record").press("Enter")
        code_by_keyboard(page)
        assert "0 of 1 questions are sure enough" in page.locator(".asking").inner_text()
        assert page.locator(".checked li", has_text="no words marked").count() == 11
        press(page, "Enter")
        page.wait_for_url("**/done")
        assert page.locator("h1").inner_text() == "Everything is coded"
    told = codings(found, "anna")
    assert {name: c["value"] for name, c in told.items()} == {
        "scope": "urban", "new_to_city": "no", "real_setting": "unclear", "value": "yes",
        "new_technology": "yes", "driver": "other", "sector": "transport", "goal": "other",
        "stage": "pilot", "citizen_participation": "yes", "technologies": "ai|robotics",
        "testbed": "none", "capability": "sensing",
    }  # fmt: skip
    assert told["scope"]["quotes"] == [quote(BUSES, "description", "green lights")]
    sentence = "City 01 🚌 tests green lights for buses."
    assert told["new_to_city"]["quotes"] == [quote(BUSES, "description", sentence)]
    assert told["new_to_city"]["comment"] == "nothing new 🚌 here"
    assert {n: c["confidence"] for n, c in told.items() if c["confidence"]} == {
        "new_to_city": 3, "value": 1,
    }  # fmt: skip
    assert {n: c["suggestion"] for n, c in told.items() if c["suggestion"]} == {"sector": MODEL}
    assert all(c["draw"] == "d1" and c["coded_at"] and c["seconds"] > 0 for c in told.values())


def test_answers_are_undone_one_by_one_and_after_handing_in(tmp_path: Path, browser: Any) -> None:
    """Undo brings back the answer before; a record that was handed in can be opened and changed."""
    draw = Draw("d1", "simple_random", 1, members={BUSES.id: 0.5}, target=("scope", "stage"))
    found = made(tmp_path / "obs", [BUSES, draw], {"anna": "coder"})
    with served(found) as address, opened(browser, address, "anna") as page:
        begin(page, 2)
        press(page, "1", "2")
        saved(page, 1, 2)
        page.locator("#class-1:checked").wait_for()
        press(page, "u")
        page.locator("#class-0:checked").wait_for()
        page.locator("#said", has_text="Undone: Scope is Urban again.").wait_for(state="attached")
        press(page, "Backspace")
        page.locator(".options:not(:has(:checked))").wait_for()
        saved(page, 0, 2)
        press(page, "u")
        page.locator("#said", has_text="Nothing to undo.").wait_for(state="attached")
        press(page, "1", "Enter", "1", "Enter")
        page.wait_for_selector("text=All 2 questions are answered.")
        press(page, "Enter")
        page.wait_for_url("**/done")
        assert codings(found, "anna")["stage"]["value"] == "planned"
        page.goto("/lists/mine")
        page.get_by_role("link", name=BUSES.title).click()
        page.wait_for_selector("text=You handed this record in.")
        page.get_by_role("button", name="2, Furthest stage told of: Planned").click()
        press(page, "3", "Enter")
        saved(page, 2, 2)
        press(page, "Enter")
        page.wait_for_url("**/done")
        assert codings(found, "anna")["stage"]["value"] == "scaled"


def test_a_skipped_record_comes_last_and_one_before_can_be_reached(
    tmp_path: Path, browser: Any
) -> None:
    """Skipping keeps what was answered; b goes back to the record before."""
    second = Record("city-03-lab", "living_lab", "Lab of City 03", "A lab.")
    members = {BUSES.id: 0.5, second.id: 0.5}
    draw = Draw("d1", "simple_random", 1, members=members, target=("scope", "stage"))
    found = made(tmp_path / "obs", [BUSES, second, draw], {"anna": "coder"})
    with served(found) as address, opened(browser, address, "anna") as page:
        begin(page, 2)
        title = page.locator("#record-title").inner_text()
        press(page, "2")
        saved(page, 1, 2)
        press(page, "s")
        other = ({BUSES.title, second.title} - {title}).pop()
        page.locator("#record-title", has_text=other).wait_for()
        press(page, "1", "Enter", "1", "Enter")
        page.wait_for_selector("text=All 2 questions are answered.")
        press(page, "Enter")
        page.locator("#record-title", has_text=title).wait_for()
        page.wait_for_selector("text=Question 2 of 2")
        assert page.locator(".checked b, .steps .answered").count() == 1
        press(page, "b")
        page.wait_for_selector("text=You handed this record in.")
        assert page.locator("#record-title").inner_text() != title


def test_evidence_is_marked_with_mouse_joined_and_removed(tmp_path: Path, browser: Any) -> None:
    """Marks that meet become one, the same again goes, and the button does what the key does."""
    draw = Draw("d1", "simple_random", 1, members={BUSES.id: 0.5}, target=("scope", "sector"))
    found = made(tmp_path / "obs", [BUSES, draw], {"anna": "coder"})
    quotes = "#evidence q"
    with served(found) as address, opened(browser, address, "anna") as page:
        begin(page, 2)
        press(page, "e")
        assert page.locator("#evidence-hint.asked").count() == 1
        select(page, "description", "green lights")
        page.locator("#mark").click()
        saved(page, 0, 2)
        press(page, "u")
        page.locator("#evidence[hidden]").wait_for(state="attached")
        assert page.locator(quotes).count() == 0
        select(page, "description", "green lights")
        page.locator("#mark").click()
        press(page, "1")
        saved(page, 1, 2)
        select(page, "description", "lights for buses")
        press(page, "e")
        select(page, "title", " City 01")
        press(page, "e")
        assert page.locator(quotes).all_inner_texts() == ["green lights for buses", "City 01"]
        assert page.locator("mark.own").all_inner_texts() == ["City 01", "green lights for buses"]
        select(page, "title", "City 01")
        press(page, "e")
        page.get_by_role("button", name="Remove the quote: green lights for buses").click()
        assert page.locator(quotes).count() == 0 and page.locator("mark").count() == 0
        press(page, "Enter")
        hints = page.locator("mark.hint").evaluate_all("all => all.map(m => m.className)")
        assert [re.findall(r"hint-\d", name) for name in hints] == [["hint-1"], ["hint-3"]]
        lines = page.locator("mark.hint-3").evaluate("m => getComputedStyle(m).textDecorationLine")
        assert lines == "underline"


def test_an_answer_of_several_classes_can_be_cleared(tmp_path: Path, browser: Any) -> None:
    """Without any class the question is open again, here and after loading the page anew."""
    target = ("technologies",)
    draw = Draw("d1", "simple_random", 1, members={BUSES.id: 0.5}, target=target)
    found = made(tmp_path / "obs", [BUSES, draw], {"anna": "coder"})
    with served(found) as address, opened(browser, address, "anna") as page:
        begin(page, 1)
        press(page, "1", "3")
        saved(page, 1, 1)
        press(page, "1", "3")
        saved(page, 0, 1)
        page.reload()
        page.wait_for_selector("text=Question 1 of 1")
        assert page.locator(".option :checked").count() == 0
        press(page, "Enter")
        page.wait_for_selector("text=1 of 1 question is still open.")
        press(page, "u")
        page.locator("#class-2:checked").wait_for()
        saved(page, 1, 1)


def test_the_codebook_opens_at_the_question_at_hand(screens: tuple[str, Any]) -> None:
    """It covers the questions and not the record, and no key reaches the page beneath it."""
    address, browser = screens
    with opened(browser, address, "ed") as page:
        page.goto("/code")
        page.wait_for_selector("text=Question 1 of 13")
        page.get_by_role("button", name="8, Goal: open").click()
        press(page, "d")
        entry = page.locator("#book #book-goal")
        assert "Primary goal" in entry.inner_text()
        box, reading = entry.bounding_box(), page.locator("#record-title").bounding_box()
        assert 0 <= box["y"] < 250 and box["x"] >= reading["x"] + reading["width"]
        press(page, "1", "a")
        assert page.locator(".option :checked").count() == 0
        page.get_by_role("button", name="Close").click()
        assert page.locator("#book[open]").count() == 0
        assert "code from the record alone" in page.locator("#book .rules").text_content()


def test_nothing_is_suggested_where_a_record_is_coded_blind(tmp_path: Path, browser: Any) -> None:
    """A record that two coders code shows no suggestion, says so, and the key does nothing."""
    draw = Draw(
        "d1", "simple_random", 1, members={BUSES.id: 0.5}, second=(BUSES.id,), target=("sector",)
    )
    found = made(tmp_path / "obs", [BUSES, draw], {"anna": "coder"})
    with served(found) as address, opened(browser, address, "anna") as page:
        begin(page, 1)
        blind = page.locator(".hinted")
        assert blind.inner_text() == "Coded blind: no suggestion is shown for this record."
        assert page.locator("mark.hint").count() == 0
        press(page, "a")
        assert page.locator(".option :checked").count() == 0
        press(page, "2", "Enter")
        saved(page, 1, 1)
        press(page, "Enter")
        page.wait_for_url("**/done")
    assert codings(found, "anna")["sector"]["suggestion"] == ""


def test_answers_survive_a_server_out_of_reach(tmp_path: Path, browser: Any) -> None:
    """Offline, answers are kept, the coder is told, leaving warns, and all is saved later."""
    draw = Draw("d1", "simple_random", 1, members={BUSES.id: 0.5}, target=("scope", "stage"))
    found = made(tmp_path / "obs", [BUSES, draw], {"anna": "coder"})
    with served(found) as address, opened(browser, address, "anna") as page:
        begin(page, 2)
        page.context.set_offline(True)
        press(page, "1", "Enter", "2")
        told = page.locator("#state.waiting", has_text="2 answers kept on this page")
        told.wait_for()
        assert told.inner_text().startswith("Not saved: the server cannot be reached.")
        page.locator("#said", has_text="Not saved: the server").wait_for(state="attached")
        page.evaluate("location.reload()")
        page.locator("#class-1:checked").wait_for()
        assert {c for c in page.complaints if "ERR_INTERNET_DISCONNECTED" not in c} == {
            "beforeunload"
        }
        page.context.set_offline(False)
        saved(page, 2, 2)
        page.complaints.clear()
        page.reload()
        page.wait_for_selector("text=All 2 questions are answered.")


def test_a_lost_session_is_told_and_answers_wait_for_the_log_in(
    tmp_path: Path, browser: Any
) -> None:
    """Logged out meanwhile, the answers are saved after logging in again in another tab."""
    draw = Draw("d1", "simple_random", 1, members={BUSES.id: 0.5}, target=("scope", "stage"))
    found = made(tmp_path / "obs", [BUSES, draw], {"anna": "coder"})
    with served(found) as address, opened(browser, address, "anna") as page:
        begin(page, 2)
        page.context.clear_cookies()
        press(page, "1")
        page.locator("#state.waiting", has_text="log in again in another tab").wait_for()
        other = page.context.new_page()
        log_in(other, "anna")
        other.close()
        page.evaluate("window.dispatchEvent(new Event('online')) && null")
        saved(page, 1, 2)
        assert all("401" in c or "403" in c for c in page.complaints)
        page.complaints.clear()


def test_a_dispute_is_settled_by_keyboard(tmp_path: Path, browser: Any) -> None:
    """Both sides, their words and the splitting definitions are there; the reason is required."""
    words = (quote(BUSES, "description", "green lights for buses"),
             quote(BUSES, "description", "buses. Sensors"))  # fmt: skip
    marked = [Evidence(text, field, start, end) for field, start, end, text in words]
    version = observatory.codebook.load(observatory.data("codebook.yaml")).version
    facts: list[Fact] = [
        BUSES,
        Coding(BUSES.id, "sector", "ben", ("transport",), 3, (marked[0],), "Buses!",
               codebook=version),
        Coding(BUSES.id, "sector", "cleo", ("environment",), 2, (marked[1],), MARKUP,
               codebook=version),
        Coding(BUSES.id, "technologies", "ben", ("iot", "ai"), codebook=version),
        Coding(BUSES.id, "technologies", "cleo", ("iot",), codebook=version),
    ]  # fmt: skip
    found = made(tmp_path / "obs", facts, {"dora": "adjudicator"})
    with served(found) as address, opened(browser, address, "dora") as page:
        page.goto("/adjudicate")
        page.get_by_role("link", name="Settle the first").press("Enter")
        sides = page.locator("section.side")
        page.wait_for_selector("text=Where the definitions part")
        told = sides.all_inner_texts()
        assert [re.split(r"\s*\n\s*", text)[:2] for text in told[:2]] == [
            ["ben", "Transport sure"], ["cleo", "Environment and energy fairly sure"],
        ]  # fmt: skip
        assert MARKUP in told[1] and told[2].startswith("Transport")
        assert sides.nth(2).locator("mark.split").count() > 0
        marks = page.locator(".reading mark").evaluate_all(
            "all => all.map(m => [m.textContent, m.className.match(/side-\\d(?= |$)/g).length])"
        )
        assert marks == [["green lights for ", 1], ["buses", 2], [". Sensors", 1]]
        press(page, "Enter")
        page.locator("#state", has_text="Choose a class first.").wait_for()
        press(page, "2", "Enter")
        page.locator("#state", has_text="Give a reason").wait_for()
        page.keyboard.type("The lights are for buses.")
        press(page, "Control+Enter")
        page.locator("#question-title", has_text="Technology").wait_for()
        press(page, "1", "3", "r")
        page.keyboard.type("Both are named.")
        press(page, "Escape", "Enter")
        page.wait_for_selector("text=Nothing to settle")
        page.goto(f"/adjudicate/{BUSES.id}/sector")
        told_already = page.locator(".told").inner_text()
        assert told_already == "Settled as Transport by dora: The lights are for buses."
    with found.ledger() as ledger:
        settled = ledger.facts()["adjudications"].to_pylist()
    assert {(a["dimension"], a["adjudicator"], a["value"], a["reason"]) for a in settled} == {
        ("sector", "dora", "transport", "The lights are for buses."),
        ("technologies", "dora", "iot|ai", "Both are named."),
    }


def test_hostile_words_are_shown_as_words_and_marked_right(tmp_path: Path, browser: Any) -> None:
    """Markup stays text, nothing is wider than the screen, spans are counted in code points."""
    draw = Draw("d1", "simple_random", 1, members={HOSTILE.id: 0.5}, target=("scope",))
    found = made(tmp_path / "obs", [HOSTILE, draw], {"anna": "coder"})
    with served(found) as address, opened(browser, address, "anna") as page:
        begin(page, 1)
        assert page.locator("#record-title").inner_text() == HOSTILE.title
        shown = page.locator('[data-field="description"]').evaluate("e => e.textContent")
        assert shown == HOSTILE.description
        assert page.locator(".reading script, .reading img, .reading a").count() == 0
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator(".reading").evaluate("e => e.scrollWidth <= e.clientWidth")
        for words in ("تختبر", "evil", "Last words."):
            select(page, "description", words)
            press(page, "e")
        press(page, "1", "Enter")
        saved(page, 1, 1)
        press(page, "Enter")
        page.wait_for_url("**/done")
    assert codings(found, "anna")["scope"]["quotes"] == [
        quote(HOSTILE, "description", words) for words in ("تختبر", "evil", "Last words.")
    ]


def test_code_points_and_units_agree_with_python(screens: tuple[str, Any]) -> None:
    """A place in a text is the same for the page and for the ledger, whatever the script."""
    address, browser = screens
    texts = ["", "abc", "🚌", "a🚌b🚋🚋c", "e\u0301🚌", "مدينة🚌", "👩‍👧 two", "\U0010ffff\uffff"]
    with opened(browser, address, "anna") as page:
        page.goto("/code")
        for text in texts:
            points = range(len(text) + 1)
            units = [len(text[:n].encode("utf-16-le")) // 2 for n in points]
            told = page.evaluate(
                "([t, ns]) => ns.map(n => review.unitAt(t, n))", [text, list(points)]
            )
            back = page.evaluate("([t, us]) => us.map(u => review.pointsBefore(t, u))",
                                 [text, units])  # fmt: skip
            assert (told, back) == (units, list(points)), text


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[tuple[str, Any]]:
    """The address of an app with something on every page, and a browser."""
    version = observatory.codebook.load(observatory.data("codebook.yaml")).version
    members = {BUSES.id: 0.5, HOSTILE.id: 0.5}
    facts: list[Fact] = [
        BUSES, HOSTILE, Draw("d1", "simple_random", 1, members=members),
        Coding(BUSES.id, "sector", "ben", ("transport",), 3, codebook=version),
        Coding(BUSES.id, "sector", "cleo", ("environment",), 2, codebook=version),
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("screens")
    found = made(folder / "obs", facts, {"anna": "admin", "ed": "coder"})
    with served(found) as address:
        yield address, browser


MAIN = ("/", "/progress", "/lists/unresolved", f"/adjudicate/{BUSES.id}/sector")
OTHERS = (
    "/done", "/codebook", "/adjudicate", "/accounts", "/lists/mine", "/lists/duplicates",
    f"/lists/duplicates/{BUSES.id}/{HOSTILE.id}", "/nowhere",
)  # fmt: skip
# Only what is found comes back: the rest of a report is large, and there are many.
VIOLATIONS = """rules => axe.run({resultTypes: ["violations"], ...rules}).then(
  report => report.violations.map(
    one => [one.id, one.nodes.slice(0, 3).map(node => node.target.join(" "))]))"""
EVERY_RULE: dict[str, Any] = {}
# The tree is the same in both colour schemes, so that in the second only colours are looked at.
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
LOOKS = {
    (width, scheme): EVERY_RULE if scheme == "light" else COLOURS
    for width in (1280, 390)
    for scheme in ("light", "dark")
}
ONE_LOOK = {(820, "light"): EVERY_RULE}


def test_no_page_has_an_accessibility_violation(screens: tuple[str, Any]) -> None:
    """axe finds nothing on any page, on the main ones wide and narrow, light and dark."""
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe is missing")
    address, browser = screens
    found = []

    def look(page: Any, name: str, looks: dict[tuple[int, str], dict[str, Any]] = LOOKS) -> None:
        page.evaluate(axe.AXE_SCRIPT)
        for (width, scheme), rules in looks.items():
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append((name, width, "too wide", []))
            found.extend((name, width, scheme, *told) for told in page.evaluate(VIOLATIONS, rules))

    with opened(browser, address) as page:
        page.goto("/login")
        look(page, "/login", ONE_LOOK)
    with opened(browser, address, "anna") as page:
        for path in MAIN:
            page.goto(path)
            page.locator("h1").wait_for()
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
            look(page, path)
        for path in OTHERS:
            page.goto(path)
            page.locator("h1").wait_for()
            look(page, path, ONE_LOOK)
        page.complaints.clear()  # the page that is not there
        page.goto("/code")
        page.wait_for_selector("text=Question 1 of 13")
        page.get_by_role("button", name="7, Sector: open").click()
        press(page, "j", "e", "1")
        saved(page, 1)
        look(page, "a question")
        press(page, "d")
        page.locator("#book[open] #book-sector").wait_for()
        look(page, "the codebook", ONE_LOOK)
        press(page, "Escape", "?")
        look(page, "the keys", ONE_LOOK)
        press(page, "Escape")
        page.get_by_role("button", name="Check and hand in").click()
        look(page, "the check")
    assert found == []


def test_a_screen_reader_is_told_what_the_page_is(screens: tuple[str, Any]) -> None:
    """Headings, groups, names, descriptions and what is pressed are in the accessibility tree."""
    address, browser = screens
    with opened(browser, address, "ed") as page:
        page.goto("/code")
        page.wait_for_selector("text=Question 1 of 13")
        page.get_by_role("button", name="11, Technology: open").click()
        tree = page.locator("main").aria_snapshot()
        for line in (
            '- heading "Technology" [level=2]', '- group "Technology"', '- checkbox "IoT"',
            '- checkbox "None named"', '- heading "The words it rests on" [level=3]',
            '- group "How sure', '- radio "fairly sure"', '- textbox "Comment',
            '- navigation "Questions of this record"', 'button "11, Technology: open"',
            '- button "Undo"', '- region "Questions"', '- region "The record"',
        ):  # fmt: skip
            assert line in tree, f"{line} is not in\n{tree}"
        assert page.get_by_role("checkbox", name="IoT", exact=True).is_visible()
        iot = page.locator("#class-0")
        assert (
            page.locator(f"#{iot.get_attribute('aria-describedby')}")
            .inner_text()
            .startswith("sensors")
        )
        assert iot.get_attribute("aria-keyshortcuts") == "1"
        assert page.evaluate("document.activeElement.id") == "class-0"
        press(page, "Enter")
        assert '- radiogroup "Test-bed"' in page.locator("main").aria_snapshot()


def test_single_keys_can_be_switched_off(screens: tuple[str, Any]) -> None:
    """Who steers by voice switches single keys off in the list of keys; Enter goes on working."""
    address, browser = screens
    with opened(browser, address, "ed") as page:
        page.goto("/code")
        page.wait_for_selector("text=Question 1 of 13")
        press(page, "?")
        page.get_by_role("checkbox", name=re.compile("Single keys work")).uncheck()
        press(page, "Escape", "Enter", "2")
        page.wait_for_selector("text=Question 2 of 13")
        assert page.locator(".option :checked").count() == 0


def test_the_forms_of_the_other_pages_do_what_they_say(screens: tuple[str, Any]) -> None:
    """A city is corrected, pairs are decided, an account is made and closed, one can log out."""
    address, browser = screens
    with opened(browser, address, "anna") as page:
        page.goto("/lists/unresolved")
        page.get_by_label("Right name: City 01").fill("Wien")
        page.get_by_label("How you know: City 01").fill("its own page says so")
        page.get_by_role("button", name="Correct: City 01").click()
        page.get_by_label("Right name: City 01").wait_for(state="detached")
        page.goto("/lists/duplicates")
        page.get_by_role("link", name=BUSES.title).click()
        page.locator("h1", has_text="The same project?").wait_for()
        page.get_by_role("button", name="Not the same").click()
        page.locator("td", has_text="not the same, says anna").wait_for()
        page.get_by_role("button", name="Undo:").click()
        page.get_by_role("button", name="Not the same:").click()
        page.locator("td", has_text="not the same, says anna").wait_for()
        page.get_by_role("button", name="Undo:").click()
        page.get_by_role("button", name=re.compile("^The same:")).wait_for()
        page.goto("/accounts")
        page.get_by_label("Name").fill("fay")
        page.get_by_role("button", name="Add, and make a password").click()
        assert re.fullmatch(
            r"The password of fay is \S{12,}", page.locator(".told p").first.inner_text()
        )
        page.get_by_role("button", name="Close: fay").click()
        page.locator("tr", has_text="fay").locator(".badge", has_text="closed").wait_for()
        page.get_by_label("Role of fay").select_option("adjudicator")
        page.get_by_role("button", name="Change role: fay").click()
        page.locator("tr", has_text="fay").locator("td", has_text="adjudicator").first.wait_for()
        page.get_by_role("button", name="Log out").click()
        page.locator("h1", has_text="Log in").wait_for()
        page.goto("/accounts")
        assert page.url.endswith("/login?next=/accounts")


def test_pages_without_a_draw_say_what_to_do(tmp_path: Path, browser: Any) -> None:
    """Where nothing is drawn, coded or offered, every page says so and how it comes about."""
    found = made(tmp_path / "obs", [BUSES], {"anna": "coder"})
    with served(found) as address, opened(browser, address, "anna") as page:
        assert "No records have been drawn" in page.locator("main").inner_text()
        assert page.locator(".shelves a").count() == 1
        page.goto("/code")
        assert page.locator("h1").inner_text() == "Nothing is drawn yet"
        page.goto("/progress")
        told = page.locator("main").inner_text()
        assert "No draw has been made yet" in told and "coded by two coders yet" in told
        page.goto("/adjudicate")
        assert page.locator("h1").inner_text() == "This is not for the role coder"
        assert page.locator(".lead").inner_text() == "Ask an admin."
        page.complaints.clear()  # that page was refused


def test_the_app_wears_the_colours_of_the_site() -> None:
    """Colours and type have the same names and values in the app and on the published site."""
    names = {}
    for path in ("review/static/review.css", "publish/static/innovatory.css"):
        text = (ROOT / "src/innovatory" / path).read_text("utf-8").partition("* {")[0]
        names[path] = re.findall(r"(--[\w-]+): ([^;]+);", text)
    app, site = names.values()
    assert len(app) > 40 and app == site
