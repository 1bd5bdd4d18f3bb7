"""Examples from another corpus: what is taken of them, what they teach, what they may not tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innovatory import coder
from innovatory.codebook import load
from innovatory.coder.linear import linear
from innovatory.coder.predictions import definition_scores, fit, ridge_scores
from innovatory.coder.ridges import ridge
from innovatory.edition import examples as starter
from innovatory.errors import ObservatoryError
from innovatory.observatory import data
from innovatory.records import Coding, Fact, Record
from test_coder import BOOK, SECTOR, labels, tables, votes

TESTED = coder.question(BOOK.dimensions[2], book=BOOK)
NEW = coder.question(BOOK.derived[0], book=BOOK)


def shown(count: int = 60, *, wrong: bool = False) -> coder.Examples:
    """Records like those of `tables` with other words and ids, and what they are about."""
    told = coder.corpus(tables(count, seed=9))
    other = replace(told, record_ids=tuple(f"x{n:03}" for n in range(count)))
    said = votes(list(range(count)))
    if wrong:
        said = np.random.default_rng(4).permutation(said)
    return coder.Examples(other, {SECTOR.asked: coder.Labels(np.arange(count), said)})


EXAMPLES = shown()
OWN = coder.corpus(tables())
FEATURES = coder.features(OWN, seed=7, examples=EXAMPLES)


def right(found: coder.Predictions, rows: slice = slice(None)) -> float:
    """The share of records whose likeliest sector is that which they were made for."""
    chosen = found.probability[:, :3].argmax(axis=1) == np.arange(60) % 3
    return float(chosen[rows].mean())


def coding(record_id: str, name: str, dimension: str, *value: str) -> Coding:
    """A coder's answer."""
    return Coding(record_id, dimension, name, value)


def test_examples_are_read_from_facts() -> None:
    """Each coder counts alike; what follows from an answer follows coder by coder."""
    facts: list[Fact] = [
        Record("b", "project", "Tram"),
        Record("a", "project", "Bus"),
        coding("a", "one", "tested", "yes"),
        coding("a", "two", "tested", "no"),
        coding("a", "one", "technologies", "iot", "ai"),
        coding("b", "one", "sector", "energy"),
        coding("missing", "one", "sector", "energy"),
    ]
    found = coder.examples(facts, BOOK)
    assert found.corpus.record_ids == ("a", "b")
    tested, new, sector = found.of(TESTED), found.of(NEW), found.of(SECTOR)
    assert tested.rows.tolist() == [0] and tested.votes.tolist() == [[0.5, 0.5]]
    assert new.votes.tolist() == [[0.5, 0.5, 0.0]]
    assert sector.rows.tolist() == [1] and sector.votes.tolist() == [[0, 1, 0, 0]]
    several = found.of(coder.question(BOOK.dimensions[1]))
    assert several.votes.tolist() == [[1.0, 1.0, 0.0]]


def test_a_question_put_otherwise_has_no_examples() -> None:
    """Labels serve the question that was asked, in the same words with the same classes."""
    other = replace(SECTOR, asked="another")
    assert len(EXAMPLES.of(SECTOR).rows) == 60
    assert len(EXAMPLES.of(other).rows) == len(EXAMPLES.of(replace(SECTOR, asked="")).rows) == 0
    found = coder.predict(FEATURES, labels(range(30)), other, seed=1, examples=EXAMPLES)
    same = coder.predict(FEATURES, labels(range(30)), other, seed=1)
    assert found.probability.tobytes() == same.probability.tobytes()


def test_examples_beside_a_corpus_leave_its_own_records_out() -> None:
    """By id, and by title and description where they have another id."""
    fields = (*EXAMPLES.corpus.fields[:5], OWN.fields[5], *EXAMPLES.corpus.fields[6:])
    ids = ("r000", *EXAMPLES.corpus.record_ids[1:])
    mixed = replace(EXAMPLES, corpus=replace(EXAMPLES.corpus, fields=fields, record_ids=ids))
    found = mixed.beside(OWN)
    kept = [n for n in range(60) if n not in (0, 5)]
    assert found.corpus.record_ids == tuple(ids[n] for n in kept)
    assert found.of(SECTOR).votes.tolist() == votes(kept).tolist()
    assert found.of(SECTOR).rows.tolist() == list(range(58))
    assert found.beside(OWN) is found and found.key != mixed.key
    with pytest.raises(ObservatoryError, match="beside"):
        coder.features(OWN, seed=1, examples=mixed)


def test_the_starter_corpus_serves_all_but_itself() -> None:
    """Its 504 records answer every question of the shipped codebook, and teach others only."""
    found = starter.beside(OWN)
    assert found is not None and len(found.corpus.record_ids) == 504
    book = load(data("codebook.yaml"))
    asked = [coder.question(dimension, book=book) for dimension in book.dimensions]
    assert all(len(found.of(question).rows) == 504 for question in asked)
    assert starter.beside(found.corpus) is None
    half = starter.beside(found.corpus.take(range(252)))
    assert half is not None and half.corpus.record_ids == found.corpus.record_ids[252:]


def test_features_and_examples_must_belong_together() -> None:
    """Examples that the features do not hold are refused."""
    plain = coder.features(OWN, seed=7)
    assert plain.key != FEATURES.key and len(plain) == len(FEATURES) == 60
    with pytest.raises(ObservatoryError, match="without these examples of sector"):
        coder.predict(plain, labels(range(9)), SECTOR, seed=1, examples=EXAMPLES)


def test_examples_teach_before_anybody_has_coded() -> None:
    """Without any label of their own records are told apart by what others were coded as."""
    found = coder.predict(FEATURES, labels([]), SECTOR, seed=1, examples=EXAMPLES)
    alone = coder.predict(coder.features(OWN, seed=7), labels([]), SECTOR, seed=1)
    assert right(found) > 0.95 and found.score is None and (found.fold == -1).all()
    truth = np.arange(60), np.arange(60) % 3
    assert np.log(found.probability[truth]).mean() > np.log(alone.probability[truth]).mean() + 0.3


@pytest.mark.parametrize("count", [1, 4, 8, 12])
def test_few_labels_with_examples(count: int) -> None:
    """Any number of labels gives probabilities, and none takes away what examples taught."""
    found = coder.predict(FEATURES, labels(range(count)), SECTOR, seed=1, examples=EXAMPLES)
    assert found.probability.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-9)
    assert right(found, slice(count, None)) > 0.9 and found.score is not None


def test_wrong_examples_do_little_harm() -> None:
    """Where examples mislead, the calibration hears the own records instead."""
    wrong = shown(wrong=True)
    features = coder.features(OWN, seed=7, examples=wrong)
    misled = coder.predict(features, labels(range(40)), SECTOR, seed=1, examples=wrong)
    alone = coder.predict(coder.features(OWN, seed=7), labels(range(40)), SECTOR, seed=1)
    assert misled.score is not None and alone.score is not None
    assert misled.score.log_loss < alone.score.log_loss + 0.1
    assert right(misled) > 0.95


@given(st.integers(0, 29), st.integers(0, 3), st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_a_label_never_tells_of_its_own_record(row: int, said: int, count: int) -> None:
    """With examples too a record's own probability stays, whatever coders say of it."""
    rows = np.arange(0, 30)[: max(row + 1, 2 * count)]
    given_votes = votes(list(rows))
    changed = given_votes.copy()
    changed[row] = np.eye(4)[said]
    before, after = (
        coder.predict(
            FEATURES, coder.Labels(rows, v), SECTOR, seed=5, folds=6, examples=EXAMPLES
        ).probability
        for v in (given_votes, changed)
    )
    assert before[row] == pytest.approx(after[row], abs=2e-6)
    if said != row % 3:
        assert (before != after).any()


def test_leaving_out_equals_learning_again() -> None:
    """Examples stay when a fold is left out, and each corpus keeps its own constant."""
    random = np.random.default_rng(1)
    x, y = random.normal(size=(14, 3)), random.random((14, 2))
    folds = tuple(np.flatnonzero(np.arange(9) % 3 == k) for k in range(3))
    gram = x @ x.T
    whole = ridge(gram, folds, penalty=0.5, examples=5)
    seen = np.setdiff1d(np.arange(14), folds[1])
    again = ridge(gram[np.ix_(seen, seen)], (), penalty=0.5, examples=5)
    dual = again.weights(y[seen])
    found = gram[np.ix_(folds[1], seen)] @ dual[0] + again.alike(dual)[0]
    assert whole.left_out(y)[1][folds[1]] == pytest.approx(found, abs=1e-9)
    assert (whole.left_out(y)[:, 9:] == 0).all()


def test_the_linear_form_says_the_same() -> None:
    """Frozen models and passages rest on both kinds of ridges."""
    fitted = fit(FEATURES, labels(range(30)), SECTOR, seed=1, folds=5, examples=EXAMPLES)
    assert [one.pooled for one in fitted.design.learners] == [False, True] * 3
    scores = ridge_scores(FEATURES, fitted, np.arange(60))
    definitions = definition_scores(FEATURES, SECTOR)
    own = {name: view[:60] for name, view in FEATURES.views.items()}
    for which in (0, -1):
        logits = fitted.calibrations[which].logits(np.concatenate([scores[:, which], definitions]))
        found = linear(FEATURES, fitted, SECTOR, which).logits(own)
        assert found == pytest.approx(logits, abs=1e-9)


def test_passages_before_anybody_has_coded() -> None:
    """What examples taught is explained by the record's own words."""
    row = tables()["records"].to_pylist()[33]
    passages = {"title": row["title"], "description": row["description"]}
    found = coder.explain(FEATURES, labels([]), SECTOR, row=33, passages=passages, seed=1,
                          examples=EXAMPLES)  # fmt: skip
    assert found and {passage.answer for passage in found} == {"transport"}
    made = coder.model(FEATURES, labels([]), SECTOR, seed=1, examples=EXAMPLES)
    batch = tables()["records"].to_batches()[0]
    (coded,) = coder.classify([batch], [made])
    shares = np.array(coded.column("sector").to_pylist())
    assert (shares[:, :3].argmax(axis=1) == np.arange(60) % 3).mean() > 0.9


def test_from_a_thousand_labels_on_examples_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What so many own records teach needs no help."""
    monkeypatch.setattr("innovatory.coder.learners.MOST_HELPED", 20)
    for count, pooled in ((20, 3), (21, 0)):
        fitted = fit(FEATURES, labels(range(count)), SECTOR, seed=count, folds=5,
                     examples=EXAMPLES)  # fmt: skip
        assert sum(one.pooled for one in fitted.design.learners) == pooled


def test_rarer_classes_are_named_more_often_evenly() -> None:
    """A class that is rarely likely is named where it is nearly the likeliest."""
    shares = np.array([[0.5, 0.45, 0.03, 0.02], *[[0.9, 0.05, 0.03, 0.02]] * 9])
    found = coder.Predictions(shares, np.full(10, -1), 1.0, None)
    plain = coder.answer(found, SECTOR, threshold=0.0)
    even = coder.answer(found, SECTOR, threshold=0.0, evenness=0.3)
    assert plain == (("transport",),) * 10
    assert even == (("energy",), *(("transport",),) * 9)
