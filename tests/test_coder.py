"""The machine coder: what it reads, learns, predicts, explains, and what it may never see."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innovatory import coder
from innovatory.codebook import parse
from innovatory.coder.calibration import Calibration, calibrate, offsets, probabilities
from innovatory.coder.encoding import Facts
from innovatory.coder.linear import linear
from innovatory.coder.predictions import definition_scores, fit, ridge_scores
from innovatory.coder.ridges import ridge
from innovatory.coder.words import spans, terms
from innovatory.errors import ObservatoryError

BOOK = parse("""
dimensions:
  sector:
    question: Which sector?
    type: single
    classes:
      transport: mobility, buses, trams, parking and traffic
      energy: electricity, heat, solar panels and batteries
      culture: museums, theatres and music
      unclear: cannot tell
  technologies:
    question: Which technologies?
    type: multi
    classes: {iot: sensors and smart meters, ai: machine learning, none: none named}
  tested: {question: Tested?, type: single, classes: {"yes": a pilot, "no": a study}}
derived:
  new: {question: New?, rule: {all: [tested], is: "yes"}}
  field: {question: Field?, roll_up: sector, classes: {grids: {of: [transport, energy]}}}
""")
SECTOR = coder.question(BOOK.dimensions[0])
TECHNOLOGIES = coder.question(BOOK.dimensions[1])
SUBJECTS = (
    "buses trams parking traffic lanes drivers passengers stops",
    "electricity heat solar panels batteries grid turbines meters",
    "museums theatres music stage painting concerts festival opera",
)
NOISE = ("city", "project", "with", "partners", "and", "people", "in", "the", "new", "year")


def tables(count: int = 60, *, seed: int = 0) -> dict[str, pa.Table]:
    """Records whose words tell their sector: record n is about subject n modulo 3."""
    random = np.random.default_rng(seed)
    rows, organisations = [], []
    for n in range(count):
        words = random.choice(SUBJECTS[n % 3].split(), 8)
        noise = random.choice(
            ["city", "project", "with", "partners", "and", "people", "in", "the", "new", "year"], 8
        )
        rows.append(
            {"record_id": f"r{n:03}", "kind": "project", "title": " ".join(words[:2]),
             "description": " ".join(random.permutation([*words, *noise])), "language": "en",
             "keywords": words[0], "start": f"{2000 + n % 20}", "end": ""}
        )  # fmt: skip
        organisations.append(
            {"record_id": f"r{n:03}", "role": "coordinator", "name": "X", "country": "AT",
             "kind": ("public", "company", "research")[n % 3]}
        )  # fmt: skip
    return {
        "records": pa.Table.from_pylist(rows),
        "organisations": pa.Table.from_pylist(organisations),
    }


def votes(rows: Sequence[int], classes: int = 4) -> np.ndarray:
    """Everybody says what the records were made to be about."""
    return np.eye(classes)[np.array(rows, dtype=int) % 3]


def labels(rows: Sequence[int]) -> coder.Labels:
    """Labels of the sector."""
    return coder.Labels(np.array(rows, dtype=np.intp), votes(rows))


@pytest.fixture(scope="module")
def features() -> coder.Features:
    """The features of 60 records."""
    return coder.features(coder.corpus(tables()), seed=7)


def test_the_corpus_is_read_from_whatever_columns_there_are() -> None:
    """Records come in the order of their ids; missing columns and nulls are not known."""
    found = coder.corpus(
        {
            "records": pa.table({"record_id": ["b", "a"], "title": ["Bus", None]}),
            "events": pa.table({"record_id": ["b"], "stage": ["pilot"], "note": ["one line"]}),
            "organisations": pa.table(
                {"record_id": ["b", "b"], "kind": ["public", "company"],
                 "role": ["partner", "lead"], "extra": [1, 2]}
            ),
        }
    )  # fmt: skip
    assert found.record_ids == ("a", "b") and found.texts == ("", "Bus\none line")
    assert found.facts[1]["event=pilot"] == 1 and "event=pilot" not in found.facts[0]
    assert found.facts[1]["lead kind=company"] == 1 and found.facts[1]["share public"] == 0.5


def test_a_note_on_funding_tells_facts_by_name() -> None:
    """Parts led by a name are facts; a note that is prose tells none."""
    notes = ["topic: Clean buses; scheme: HORIZON-IA", "Paid by the city: all of it"]
    found = coder.corpus({"records": pa.table({"record_id": ["a", "b"], "funding_note": notes})})
    told = [{name for name in facts if name.startswith("funding ")} for facts in found.facts]
    assert told == [{"funding topic=Clean buses", "funding scheme=HORIZON-IA"}, set()]


def test_the_key_follows_what_is_read() -> None:
    """A changed word changes the key; a column that is not read does not."""
    one = tables(4)
    records = one["records"]
    column = records.schema.get_field_index("title")
    other = {"records": records.set_column(column, "title", pa.array(["a", "b", "c", "d"]))}
    more = {**one, "records": records.append_column("doubts", pa.array(["?"] * 4))}
    assert coder.corpus(one).key == coder.corpus(more).key
    assert coder.corpus(one).key != coder.corpus({**one, **other}).key


@given(st.text(max_size=60))
def test_spans_hold_their_terms(text: str) -> None:
    """Each term stands, but for case and cut endings, where its span says; and none is lost."""
    found = spans(text)
    for term, start, end in found:
        words = text[start:end].lower()
        first, last = term.removesuffix("*").split(" ")[0], term.split(" ")[-1].removesuffix("*")
        assert words.startswith(first) and (term.endswith("*") or words.endswith(last))
    if text.isascii():
        assert sorted(terms(text)) == sorted(term for term, _, _ in found)


def test_scripts_without_spaces_are_cut_into_runs() -> None:
    """Chinese, Thai and Korean texts on a subject share terms that words alone would not give."""
    assert set(terms("智慧城市交通")) & set(terms("交通管理"))
    assert set(terms("ขนส่งมวลชน")) & set(terms("รถขนส่ง"))
    assert set(terms("서울교통공사")) & set(terms("교통"))
    assert terms("स्मार्ट") == ["स्मार्ट", "स्मार*"]


def test_facts_are_standardised_and_unknown_measures_are_nought() -> None:
    """Two and four have mean three and deviation one; who has no year gets 0, as the mean has."""
    known = [{"year": 2.0, "a=b": 1.0}, {"year": 4.0}, {}]
    fitted = Facts.fit(known)
    matrix = fitted.transform([*known, {"year": 100.0, "new": 5.0}])
    year = matrix[:, fitted.columns["year"]]
    assert year.tolist() == [-1.0, 1.0, 0.0, 3.0]
    assert matrix[:, fitted.columns["a=b"]][:2] == pytest.approx([2**0.5, -(2**-0.5)])


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_leaving_out_equals_learning_again(seed: int) -> None:
    """What one inverse says of a left-out fold is what a model fitted without it says."""
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(14, 3)), random.random((14, 2))
    folds = tuple(np.flatnonzero(np.arange(14) % 4 == k) for k in range(4))
    gram = x @ x.T
    fitted = ridge(gram, folds, penalty=0.5)
    planes = fitted.left_out(y)

    def again(seen: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        fitted_again = ridge(gram[np.ix_(seen, seen)], (), penalty=0.5)
        one = fitted_again.weights(y[seen])
        return np.asarray(gram[np.ix_(wanted, seen)] @ one[0] + fitted_again.alike(one)[0])

    rest = np.setdiff1d(np.arange(14), folds[1])
    assert planes[1][folds[1]] == pytest.approx(again(rest, folds[1]), abs=1e-6)
    both = np.setdiff1d(rest, folds[2])
    assert planes[1][folds[2]] == pytest.approx(again(both, folds[2]), abs=1e-6)
    dual = fitted.weights(y)[1]
    assert dual[folds[1]].tolist() == np.zeros((len(folds[1]), 2)).tolist()
    assert gram[:, rest] @ dual[rest] == pytest.approx(
        gram[:, rest] @ ridge(gram[np.ix_(rest, rest)], (), penalty=0.5).weights(y[rest])[0],
        abs=1e-6,
    )


@pytest.mark.parametrize("multi", [False, True])
def test_calibration_is_where_no_small_step_is_better(multi: bool) -> None:
    """Newton's method ends at the minimum of loss and penalty, as shifting each number shows."""
    random = np.random.default_rng(3)
    scores, said = random.normal(size=(2, 30, 3)), np.eye(3)[random.integers(0, 3, 30)]
    prior = Calibration(np.array([1.0, 1.0]), offsets(said, multi=multi))
    precision = np.array([2.0, 2.0])
    found = calibrate(scores, said, prior=prior, precision=precision, multi=multi)

    def cost(shift: np.ndarray) -> float:
        at = Calibration(found.weights + shift[:2], found.offsets + shift[2:])
        p = probabilities(at.logits(scores), multi=multi)
        loss = -(said * np.log(p) + (multi * (1 - said)) * np.log(1 - p * multi)).sum()
        off = at.offsets - prior.offsets
        return float(loss + ((at.weights - 1) ** 2).sum() + 0.25 * (off**2).sum())

    least = cost(np.zeros(5))
    for n in range(5):
        for step in (1e-3, -1e-3):
            assert cost(np.eye(5)[n] * step) > least


def test_calibration_improves_log_loss() -> None:
    """Over-confident scores are flattened, and the loss on further records falls."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 400)
    scores = 6 * (np.eye(2)[truth] + random.normal(size=(400, 2)))[None]
    said = np.eye(2)[truth]
    raw = Calibration(np.array([1.0]), np.zeros(2))
    found = calibrate(
        scores[:, :200], said[:200], prior=raw, precision=np.array([0.1]), multi=False
    )
    before, after = (
        coder.score(probabilities(c.logits(scores[:, 200:]), multi=False), said[200:], multi=False)
        for c in (raw, found)
    )
    assert found.weights[0] < 0.5
    assert after.log_loss < before.log_loss - 0.2 and after.ece < before.ece
    assert after.accuracy == pytest.approx(before.accuracy, abs=0.02)


def test_sectors_are_learnt(features: coder.Features) -> None:
    """From 30 labels the others are predicted, with probabilities that add up to one."""
    found = coder.predict(features, labels(range(30)), SECTOR, seed=1)
    assert (found.probability[:, :3].argmax(axis=1) == np.arange(60) % 3).mean() > 0.95
    assert found.probability.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-9)
    assert (found.probability.round(6) == found.probability).all()
    assert (found.fold[30:] == -1).all() and set(found.fold[:30]) <= set(range(10))
    assert found.score is not None
    assert found.score.accuracy > 0.9 > 0.5 > found.score.majority_accuracy
    assert found.score.log_loss < 0.5


def test_definitions_alone_tell_something(features: coder.Features) -> None:
    """Without any label records go to the class whose definition shares their words."""
    found = coder.predict(features, labels([]), SECTOR, seed=1)
    assert (found.probability[:, :3].argmax(axis=1) == np.arange(60) % 3).mean() > 0.8
    assert found.score is None and found.temperature == 1.0
    assert (found.fold == -1).all()


@pytest.mark.parametrize("count", [1, 2, 7, 8, 12])
def test_few_labels_are_taken_as_they_are(features: coder.Features, count: int) -> None:
    """Any number of labels gives probabilities, and a fold to each."""
    found = coder.predict(features, labels(range(count)), SECTOR, seed=1)
    assert np.isfinite(found.probability).all() and found.score is not None
    assert found.score.n == count and (found.fold[:count] >= 0).all()


def test_one_class_only(features: coder.Features) -> None:
    """Where all say the same it is likely, not certain, and no other class is ruled out."""
    rows = list(range(0, 60, 3))
    found = coder.predict(features, labels(rows), SECTOR, seed=1)
    assert (found.probability[rows].argmax(axis=1) == 0).all()
    assert (found.probability[rows, 0] < 1).all() and (found.probability > 0).all()


def test_a_class_nobody_gave_is_found_by_its_definition(features: coder.Features) -> None:
    """Records of a class never given are likelier of it than others are."""
    rows = [n for n in range(30) if n % 3 != 2]
    found = coder.predict(features, labels(rows), SECTOR, seed=1)
    culture = found.probability[:, 2]
    assert culture[32::3].min() > culture[30::3].max()


@given(st.integers(0, 29), st.integers(0, 3), st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_a_label_never_tells_of_its_own_record(row: int, said: int, count: int) -> None:
    """Whatever coders say of a record, its own probability stays, while those of others move."""
    features = _features()
    rows = np.arange(0, 30)[: max(row + 1, 2 * count)]
    given_votes = votes(list(rows))
    changed = given_votes.copy()
    changed[row] = np.eye(4)[said]
    before, after = (
        coder.predict(features, coder.Labels(rows, v), SECTOR, seed=5, folds=6)
        for v in (given_votes, changed)
    )
    assert before.fold.tolist() == after.fold.tolist()
    assert before.probability[row] == pytest.approx(after.probability[row], abs=2e-6)
    if said != row % 3:
        assert (before.probability != after.probability).any()


_made: list[coder.Features] = []


def _features() -> coder.Features:
    if not _made:
        _made.append(coder.features(coder.corpus(tables()), seed=7))
    return _made[0]


def test_the_order_of_records_changes_nothing() -> None:
    """Tables in another order give the same bytes."""
    told = tables()
    order = np.random.default_rng(1).permutation(60)
    mixed = {name: table.take(pa.array(order)) for name, table in told.items()}
    one, two = (coder.features(coder.corpus(t), seed=7) for t in (told, mixed))
    assert one.key == two.key
    first, second = (coder.predict(f, labels(range(40)), SECTOR, seed=1) for f in (one, two))
    assert first.probability.tobytes() == second.probability.tobytes()


def test_same_bytes_twice_and_other_folds_for_another_seed(features: coder.Features) -> None:
    """The seed decides folds, and with the same seed all is the same."""
    again = coder.features(coder.corpus(tables()), seed=7)
    one, two = (coder.predict(f, labels(range(40)), SECTOR, seed=1) for f in (features, again))
    assert one.probability.tobytes() == two.probability.tobytes()
    other = coder.predict(features, labels(range(40)), SECTOR, seed=2)
    assert other.fold.tolist() != one.fold.tolist()


def test_a_further_label_moves_no_record_to_another_fold(features: coder.Features) -> None:
    """Folds follow from seed and id alone, once there are as many labels as folds."""
    less = coder.predict(features, labels(range(30)), SECTOR, seed=1)
    more = coder.predict(features, labels(range(31)), SECTOR, seed=1)
    assert less.fold[:30].tolist() == more.fold[:30].tolist()


def test_more_labels_than_are_learnt_from(
    features: coder.Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only some labels are learnt from, the others still get predictions of their fold."""
    monkeypatch.setattr("innovatory.coder.learners.MOST_LEARNT", 20)
    found = coder.predict(features, labels(range(50)), SECTOR, seed=3, folds=5)
    assert (found.fold[:50] >= 0).all()
    assert (found.probability[:, :3].argmax(axis=1) == np.arange(60) % 3).mean() > 0.9


def test_several_answers(features: coder.Features) -> None:
    """Each class has a probability of its own; coders who differ give halves."""
    said = np.zeros((60, 3))
    said[0::3, 0] = said[1::3, 0] = said[1::3, 1] = said[2::3, 2] = 1
    said[:6] *= 0.5
    found = coder.predict(features, coder.Labels(np.arange(60), said), TECHNOLOGIES, seed=1)
    chosen = coder.answer(found, TECHNOLOGIES, threshold=0.0)
    right = [("iot",), ("iot", "ai"), ("none",)]
    assert np.mean([a == right[n % 3] for n, a in enumerate(chosen)]) > 0.8
    assert found.score is not None
    assert found.score.subset_accuracy < found.score.accuracy
    assert found.probability.sum(axis=1).max() > 1.2


def test_answers_below_the_threshold() -> None:
    """An unsure record gets the codebook's class for it, or nothing where it has none."""
    shares = np.array([[0.5, 0.2, 0.2, 0.1], [0.9, 0.1, 0.0, 0.0]])
    found = coder.Predictions(shares, np.array([-1, -1]), 1.0, None)
    assert coder.answer(found, SECTOR, threshold=0.6) == (("unclear",), ("transport",))
    several = coder.Predictions(
        np.array([[0.3, 0.2, 0.1], [0.7, 0.6, 0.1], [0.6, 0.1, 0.7], [0.7, 0.1, 0.6]]),
        np.full(4, -1), 1.0, None,
    )  # fmt: skip
    assert coder.answer(several, TECHNOLOGIES, threshold=0.4) == (
        (), ("iot", "ai"), ("none",), ("iot",),
    )  # fmt: skip


def test_empty_texts() -> None:
    """Records without a word, or no record at all, give probabilities and no error."""
    blank = {"records": pa.table({"record_id": ["a", "b"], "title": ["", "…"]})}
    found = coder.predict(coder.features(coder.corpus(blank), seed=1), labels([0]), SECTOR, seed=1)
    assert found.probability.shape == (2, 4) and np.isfinite(found.probability).all()
    none = {"records": pa.table({"record_id": pa.array([], pa.string())})}
    found = coder.predict(coder.features(coder.corpus(none), seed=1), labels([]), SECTOR, seed=1)
    assert found.probability.shape == (0, 4)


def test_derived_questions_borrow_their_definitions() -> None:
    """With the codebook a derived class has the definitions of the answers it follows from."""
    new, field = (coder.question(d, book=BOOK) for d in BOOK.derived)
    assert new.classes == ("yes", "no", "unclear") and "a pilot" in new.definitions[0]
    assert "buses" in field.definitions[0] and "solar" in field.definitions[0]
    assert field.definitions[1] == "Culture:  museums, theatres and music" or (
        "museums" in field.definitions[1]
    )


def test_the_linear_form_says_the_same(features: coder.Features) -> None:
    """Weights of terms, topics and facts give the logits that the ridges give."""
    fitted = fit(features, labels(range(30)), SECTOR, seed=1, folds=5)
    scores = ridge_scores(features, fitted, np.arange(60))
    definitions = definition_scores(features, SECTOR)
    for which in (0, -1):
        logits = fitted.calibrations[which].logits(np.concatenate([scores[:, which], definitions]))
        found = linear(features, fitted, SECTOR, which).logits(features.views)
        assert found == pytest.approx(logits, abs=1e-9)


def test_explanations_quote_the_record(features: coder.Features) -> None:
    """Passages are words of the record's own fields, and words of its subject lead."""
    row = tables()["records"].to_pylist()[33]
    passages = {
        "title": row["title"], "description": row["description"], "keywords": row["keywords"],
        "organisations.0.name": "buses",
    }  # fmt: skip
    found = coder.explain(features, labels(range(40)), SECTOR, row=33, passages=passages, seed=1)
    assert found and all(passage.answer == "transport" for passage in found)
    for passage in found:
        quoted = passages[passage.field][passage.start : passage.end]
        assert quoted.strip() == quoted != ""
    first = passages[found[0].field][found[0].start : found[0].end]
    assert set(first.split()) & set(SUBJECTS[0].split())
    assert [p.weight for p in found] == sorted((p.weight for p in found), reverse=True)


def test_nothing_to_explain_in_a_record_without_words() -> None:
    """A record without texts has no passages."""
    blank = {"records": pa.table({"record_id": ["a", "b"], "title": ["", ""]})}
    features = coder.features(coder.corpus(blank), seed=1)
    assert coder.explain(features, labels([]), SECTOR, row=0, passages={}, seed=1) == ()


def test_frozen_models_classify_further_records(features: coder.Features) -> None:
    """A pickled model says of batches what it says of the corpus, whatever their size."""
    made = pickle.loads(
        pickle.dumps(
            [coder.model(features, labels(range(40)), SECTOR, seed=1),
             coder.model(features, coder.Labels(np.arange(40), votes(range(40), 3)),
                         TECHNOLOGIES, seed=1)]
        )
    )  # fmt: skip
    told = tables()
    roles = told["organisations"].to_pylist()
    nested = told["records"].append_column("organisations", pa.array([[role] for role in roles]))
    small = pa.concat_tables(
        [pa.Table.from_batches(coder.classify(nested.to_batches(max_chunksize=7), made))]
    )
    whole = pa.Table.from_batches(coder.classify(nested.combine_chunks().to_batches(), made))
    assert small.combine_chunks() == whole.combine_chunks()
    assert whole["record_id"].to_pylist() == list(features.record_ids)
    shares = np.array(whole["sector"].to_pylist())
    fitted = fit(features, labels(range(40)), SECTOR, seed=1, folds=10)
    full = linear(features, fitted, SECTOR, -1).logits(features.views)
    assert shares == pytest.approx(probabilities(full, multi=False), abs=1e-6)
    assert len(whole["technologies"][0].as_py()) == 3


@pytest.mark.slow
def test_workers_give_the_same_numbers_in_the_same_order(features: coder.Features) -> None:
    """Two processes give what one gives."""
    made = [coder.model(features, labels(range(40)), SECTOR, seed=1)]
    batches = tables()["records"].to_batches(max_chunksize=9)
    one, two = (
        pa.Table.from_batches(coder.classify(iter(batches), made, workers=n)) for n in (1, 2)
    )
    assert one == two


def test_models_that_cannot_classify(features: coder.Features) -> None:
    """Models of different features, no models, and features with others' answers are refused."""
    one = coder.model(features, labels(range(20)), SECTOR, seed=1)
    other = coder.model(
        coder.features(coder.corpus(tables(20)), seed=1), labels(range(9)), SECTOR, seed=1
    )
    for models, reason in (([one, other], "different features"), ([], "no models")):
        with pytest.raises(ObservatoryError, match=reason):
            list(coder.classify([], models))
    answers = {"llm sector": (np.arange(60), votes(range(60)))}
    leaning = coder.features(coder.corpus(tables()), seed=1, answers=answers)
    with pytest.raises(ObservatoryError, match="answers"):
        coder.model(leaning, labels(range(20)), SECTOR, seed=1)


def test_other_coders_answers_are_learnt_from() -> None:
    """What an LLM said helps where texts tell nothing, even where it says one thing for another."""
    random = np.random.default_rng(2)
    blank = {"records": pa.table({"record_id": [f"r{n:03}" for n in range(60)]})}
    truth = random.integers(0, 3, 60)
    said = np.eye(4)[truth]
    swapped = np.eye(4)[(truth + 1) % 3]
    corpus = coder.corpus(blank)
    with_answers = coder.features(corpus, seed=1, answers={"llm sector": (np.arange(60), swapped)})
    without = coder.features(corpus, seed=1)
    assert with_answers.key != without.key
    given_labels = coder.Labels(np.arange(40), said[:40])
    for features, least, most in ((with_answers, 0.95, 1.0), (without, 0.0, 0.7)):
        found = coder.predict(features, given_labels, SECTOR, seed=1).probability
        assert least <= (found[40:].argmax(axis=1) == truth[40:]).mean() <= most


class Fake:
    """An encoder that knows what a text is about."""

    id = "fake 1"

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        self.shape = shape

    def encode(self, texts: Sequence[str], /) -> Any:
        """One vector a text."""
        if self.shape:
            return np.zeros(self.shape)
        return [[float(word in text) for word in ("trams", "grid", "opera")] for text in texts]


def test_an_encoder_is_a_further_view() -> None:
    """Its vectors are learnt from, it is part of the key, and what it must give is checked."""
    corpus = coder.corpus(tables())
    plain, encoded = coder.features(corpus, seed=1), coder.features(corpus, seed=1, encoder=Fake())
    assert plain.key != encoded.key and "sentences" in encoded.views
    found = coder.predict(encoded, labels(range(30)), SECTOR, seed=1)
    assert found.score is not None and found.score.accuracy > 0.9
    with pytest.raises(ObservatoryError, match=r"fake 1: gave an array of shape \(3,\)"):
        coder.features(corpus, seed=1, encoder=Fake((3,)))


def test_an_encoder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither folder nor library is guessed: the message says what to do."""
    with pytest.raises(ObservatoryError, match="no such folder"):
        coder.SentenceEncoder(tmp_path / "missing")
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(ObservatoryError, match="pip install sentence-transformers"):
        coder.SentenceEncoder(tmp_path)


def test_scores_by_hand() -> None:
    """Three records, one disputed: accuracy is the share of coders, F1 counts by votes."""
    shares = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    said = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    found = coder.score(shares, said, multi=False)
    assert found.accuracy == found.subset_accuracy == pytest.approx(2.5 / 3, abs=1e-6)
    assert found.macro_f1 == pytest.approx((2 * 1.5 / 3.5 + 2 * 1 / 2.5) / 2, abs=1e-6)
    assert found.majority_accuracy == 0.5
    several = coder.score(shares, said, multi=True)
    assert several.accuracy == pytest.approx((2 + 1 + 2) / 6, abs=1e-6)
    assert several.subset_accuracy == pytest.approx((1 + 0.25 + 1) / 3, abs=1e-6)
