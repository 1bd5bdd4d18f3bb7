"""What each table and column of an edition means, for the manifest and the data package."""

from __future__ import annotations

from innovatory.edition.compare import CHANGES
from innovatory.edition.counts import CITY, Count
from innovatory.edition.ranks import MEASURES

TABLES = {
    "records": ("Records", "One row a project or living lab counted as of the date."),
    "places": ("Places", "The cities of each record, as spelt by the source and as resolved."),
    "organisations": ("Organisations", "Who takes part in each record."),
    "events": ("Stage events", "Dated events of each record; those after the date do not count."),
    "links": ("Pages", "Pages that support each record."),
    "codings": ("Codings", "Each coder's answers, as given."),
    "evidence": ("Evidence", "The quotes on which coders rest their answers."),
    "adjudications": ("Adjudications", "Settled answers where coders differed."),
    "judgements": ("Judgements", "Each coder's answers after adjudication, derived ones included."),
    "verdicts": ("Verdicts", "For each record and class the share of its coders who say so."),
    "coders": ("Coders", "Who coded: people, rules, models."),
    "draws": ("Draws", "Batches of records sent to coders, with inclusion probabilities."),
    "sources": ("Sources", "Where the records come from and how they were gathered."),
    "cities": ("Cities", "The panel of cities."),
    "unresolved": ("Unresolved places", "Places for which no city was found, and why."),
    "corrections": ("Corrections", "Corrections of sources that are in force."),
    "classes": ("Classes", "Dimensions and classes of the codebook."),
    "city_ranks": (
        "Cities in order",
        "Cities by each measure, with ties and with the places that disputes leave open.",
    ),
    "changes": (
        "Changes since the earlier edition",
        "On the cities in common. " + "; ".join(f"{k}: {v}" for k, v in CHANGES.items()) + ".",
    ),
    "city_pooled": (
        "Shares of cities, pooled",
        "The share of innovative projects of each city, its own estimate drawn towards what the "
        "others and the machine say, the more so the less it rests on. Not used in any ranking.",
    ),
    "predictions": (
        "Predictions",
        "What the machine coder expects, a class at a time; of a coded record by a model that did "
        "not see it.",
    ),
    "machine": ("The machine coder", "How good it is on each dimension, by cross-validation."),
    "samples": (
        "Samples",
        "For each question and kind of record: how many there are, could have been drawn, and "
        "were coded.",
    ),
    "agreement": ("Agreement", "How far coders agree, with bootstrap intervals."),
    "claim_records": ("Records behind each claim", "Which records a printed claim rests on."),
}

_COLUMNS = {
    "record_id": "id of the record",
    "city_id": "id of the city: English name and country",
    "ord": "number within the record, from 0",
    "title": "title",
    "local_name": "name in the local language",
    "kind": "kind",
    "start": "first date, as far as it is known",
    "end": "last date, where it had come by the date of the edition; in evidence: end of the quote",
    "status": "planned, active, completed, ended or unknown, as of the date",
    "stage": "stage of the latest dated event on or before the date",
    "stage_since": "date of that event",
    "furthest_stage": "furthest stage reached by the date, endings aside",
    "start_year": "year of the first dated sign of the record",
    "verified": "whether a public page supports the record; empty: the source does not say",
    "doubts": "what the source itself doubts",
    "dated": "whether any date is known",
    "coders": "number of coders",
    "disputed": "in records: dimensions on which coders differ; in counts: records in dispute",
    "fraction": "1 / number of the record's cities in the panel",
    "in_panel": "whether the city belongs to the panel",
    "counted": "on or before the date of the edition",
    "value": "classes, joined by |; in agreement: of the measure",
    "votes": "share of the record's coders who say so",
    "field": "field of the record that holds the quote; empty: not located",
    "population": "which records are counted",
    "counting": "record: once; full: once in each of its cities; fractional: in equal parts",
    "count": "disputed records count by the share of their coders; see basis",
    "low": "records on which all coders say so; of an estimate the low end of its interval",
    "high": "records on which any coder says so; of an estimate the high end of its interval",
    "base": "records of the population, or of the group, that the count speaks of",
    "share": "count / base",
    "share_low": "smallest share that settling the disputes can give; of an estimate the low end "
    "of its interval",
    "share_high": "largest share that settling the disputes can give; of an estimate the high end "
    "of its interval",
    "measure": "; ".join(f"{k}: {v}" for k, v in MEASURES.items()),
    "rank": "1 + cities with more; ties share a place",
    "tied": "whether another city has the same count",
    "rank_best": "1 + cities that surely have more",
    "rank_worst": "1 + cities that may have more",
    "carried": "whether there is a ranking by this measure",
    "reason": "why not; in unresolved: why no city was found",
    "population_year": "year of the population figure, where the source tells",
    "probability": "in draws: inclusion probability in that draw; in predictions: of the class",
    "drawn": "in draws: whether it was drawn; in samples: records drawn and coded",
    "second": "whether it was sent to a second, blind coder",
    "target": "dimensions to be coded; empty: all",
    "reference": "whether counts and shares rest on this coder's answers",
    "suggestion": "whose suggestion the coder saw; empty: none",
    "coded_at": "when the answer was given, in UTC; empty: not known",
    "labels": "coded records in the base; in machine: records it learnt from",
    "basis": "counted: every record was coded; coded: only those coded are counted; estimated: "
    "from a sample by design; model: model-based, not audited",
    "fold": "models of this fold did not see the record's coding; -1: not coded",
    "frame": "records that were coded or could have been drawn",
    "asked": "the questions, joined by +",
    "doubled": "of the coded, those with two reference coders or more",
    "pooled": "the city's share drawn towards the others",
    "pooled_low": "low end of its 95% interval",
    "pooled_high": "high end of its 95% interval",
    "own_weight": "weight of the city's own estimate in it",
    "group": "which of them",
    "pairs": "pairs of answers compared",
    "by": "what the records are grouped by; empty: not at all",
    "units": "records coded by two or more",
    "accuracy": "share of right answers, by cross-validation",
    "majority_accuracy": "share of right answers of always giving the commonest",
    "macro_f1": "F1 averaged over the classes",
    "log_loss": "mean of -ln(probability of the answer that was right)",
    "calibration_error": "how far probabilities are from how often they come true, on average",
    "temperature": "above 1: what the models say was flattened; below 1: sharpened",
    "dimension": "question of the codebook",
    "class": "class that is counted, or answer to the question",
    "records": "how many records there are",
    "coded": "records that were coded on all that is asked",
    "draws": "the draws they came in, joined by |",
}


def table(name: str, counts: dict[str, Count]) -> tuple[str, str]:
    """Title and one-sentence text of a table."""
    if name in TABLES:
        return TABLES[name]
    count = counts[name]
    text = "Counts and shares with what coder disagreement leaves open."
    if count.within:
        group = "the city" if count.within == CITY else f"the {count.within}"
        text += f" The base of a row is its {group.removeprefix('the ')}'s records."
    return count.title, text


def column(name: str) -> str:
    """What a column means; its own name in words where nothing more is to be said."""
    return _COLUMNS.get(name, name.replace("_", " "))
