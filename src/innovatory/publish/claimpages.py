"""Each claim opened to what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from innovatory.publish.pages import Brief, Draft, Page, Shared
from innovatory.publish.reading import Claim
from innovatory.publish.table import Cell, Column, Table, counted, track
from innovatory.publish.wording import TINY_BASE, number, query, span, votes_in_words

SCOPES = {
    "corpus": "said of the records gathered, and of nothing beyond them",
    "population": "said of what the sources stand for",
}


@dataclass(frozen=True)
class ClaimPage(Page):
    """A claim opened: the sentence, value, base, interval, query, rule and the records counted.

    `records` are (record, votes in words, whether its coders differ); `leaders` is the table of
    a claim about leaders.
    """

    claim: Claim
    figure: str
    interval: str
    drawing: Markup
    scope: str
    base: str
    table_page: str
    counting: str
    leaders: Table | None
    records: tuple[tuple[Brief, str, bool], ...]


def figure_of(claim: Claim) -> str:
    """The number of a claim as printed: a share in percent, else the count.

    >>> figure_of(Claim("a", "A", "", "share", True, value=5.5, base=20, percent=27.5))
    '27.5%'
    """
    if claim.kind == "share" and claim.percent is not None:
        decimals = 1 if claim.decimals is None else claim.decimals
        figure = f"{claim.percent:.{decimals}f}%"
        tiny = claim.base is not None and claim.base < TINY_BASE
        return f"[{figure}]" if tiny else figure
    return number(claim.value) if claim.value is not None else ""


def drawn(claim: Claim) -> Markup:
    """The interval of a claim on the scale from none to all of its base; '' where it has none."""
    if not claim.base or claim.value is None:
        return Markup("")
    low, high = (claim.value if end is None else end for end in (claim.low, claim.high))
    return track(claim.value, low, high, top=claim.base, hollow=claim.base < TINY_BASE)


def drafts(shared: Shared) -> Iterator[Draft]:
    """A page for each claim."""
    for claim in shared.edition.claims:
        records = shared.counted[claim.id]
        described = shared.edition.described(claim.table) is not None
        key = shared.key(claim, records, described, shared.edition.manifest.counting)
        yield Draft(
            f"claims/{claim.id}.html", "claim.html", key, partial(_claim, shared, claim, records)
        )


def _reach(claim: Claim) -> str:
    low, high = claim.low, claim.high
    if claim.basis == "estimated" and low is not None and high is not None:
        # No count: figures behind the point would promise too much.
        low, high = round(low), round(high)
    reach = span(low, high)
    return f"{reach} of {number(claim.base)}" if reach and claim.base is not None else reach


def _claim(shared: Shared, claim: Claim, records: Sequence[tuple[Brief, float]]) -> ClaimPage:
    table = claim.table if shared.edition.described(claim.table) else ""
    base = "" if claim.base is None else number(claim.base)
    page = f"tables/{table}.html" if table.startswith(("by_", "sector_", "city_by")) else ""
    return ClaimPage(
        shared.at("index.html", root="../"),
        claim.title,
        claim,
        figure_of(claim),
        _reach(claim),
        drawn(claim),
        SCOPES.get(claim.scope, claim.scope),
        base,
        page or ("cities.html" if table == "city_ranks" else "data.html" if table else ""),
        shared.edition.manifest.counting,
        _leaders(claim),
        tuple((brief, votes_in_words(votes), votes < 1) for brief, votes in records),
    )


def _leaders(claim: Claim) -> Table | None:
    if not claim.leaders:
        return None
    top = max(leader.high for leader in claim.leaders)
    columns = (Column("City"), Column("Place", True), Column("Places it can take"),
               Column("Records", True))  # fmt: skip
    rows = []
    for leader in claim.leaders:
        numbers = {"count": leader.count, "low": leader.low, "high": leader.high}
        places = span(leader.rank_best, leader.rank_worst) or number(leader.rank)
        href = f"../cities/{leader.city_id}.html"
        rows.append(
            (
                Cell(leader.label, href),
                Cell(str(leader.rank)),
                Cell(places),
                counted(numbers, top=top, href=f"../records.html{query(city=leader.city_id)}"),
            )
        )
    return Table(f"{claim.title}: the leaders", columns, tuple(rows))
