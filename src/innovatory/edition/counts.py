"""Counts and shares with what coder disagreement leaves open, as SQL.

Every count table comes from one statement. Let a record have k coders who answered what the count
asks, and let n of them put it into class c of population P. It then contributes n/k to `count`,
1 to `low` if n = k, and 1 to `high` if n > 0. For the share of c in P the records that can be, or
must be, in P but not in c are counted in the same way, so that

    share_low  = low  / (low  + can be elsewhere)
    share_high = high / (high + must be elsewhere)

are the smallest and largest shares that settling every dispute by one of its coders can give.
A record in several cities counts once in each (`full`) or in equal parts (`fractional`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from innovatory.engine import quoted

# Dimensions that are columns of `records`, the same for every coder.
COLUMNS = {
    "kind": "kind",
    "start_year": "start_year",
    "status": "status",
    "funding": "funding_source",
    "dated_stage": "stage",
}
CITY = "city"

# What the numbers of a count table can rest on.
COUNTED, CODED, ESTIMATED, MODEL = "counted", "coded", "estimated", "model"


@dataclass(frozen=True, slots=True)
class Population:
    """Records of a kind ('' = any) for which coders give certain answers (dimension, class)."""

    name: str
    label: str
    kind: str
    answers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """A count table: the classes of `dimension`, within each class of `within` if that is given."""

    name: str
    title: str
    dimension: str
    within: str = ""

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions it asks, the grouping one first."""
        return (self.within, self.dimension) if self.within else (self.dimension,)


def asked_of_coders(count: Count, population: Population) -> tuple[str, ...]:
    """The coded dimensions on which a count of a population depends."""
    named = [*count.dimensions, *(dimension for dimension, _ in population.answers)]
    return tuple(dict.fromkeys(d for d in named if is_coded(d)))


def is_coded(dimension: str) -> bool:
    """Whether a dimension is answered by coders, rather than a column or the city of a record."""
    return bool(dimension) and dimension != CITY and dimension not in COLUMNS


def name_of(asked: Sequence[str], kind: str) -> str:
    """What a basis is called: the questions in order, and the kind of record.

    >>> name_of(("sector", "goal"), "project")
    'goal+sector of project'
    """
    return f"{'+'.join(sorted(asked))} of {kind or 'any kind'}"


def statement(
    dimensions: Sequence[str], populations: Sequence[Population], *, within: str = ""
) -> str:
    """The SQL that counts populations by the classes of several dimensions at once.

    The dimensions are all coded, all columns of records, or the city alone. Needs the tables
    records, places, judgements and naming (the classes of each dimension, so that a class nobody
    chose is printed as 0). Columns: p (population), way (of counting), d (dimension), g (class of
    `within`, '' without), c (class), count, low, high, base, share, share_low, share_high,
    disputed, labels (records in the base, as coders see it).
    """
    cities = CITY in (within, dimensions[0])
    same_way = " AND cs.way = o.way" if dimensions[0] == CITY else ""
    return f"""
WITH {_frame(dimensions, populations, within)},
gs AS ({_groups(within, cities)}),
cs AS ({_said(dimensions)}),
group_of AS (
  SELECT p, way, frame.d, frame.record_id, frame.coder_id, member, class AS g, w FROM frame
  JOIN gs ON {_match("gs", within)}),
totals AS (
  SELECT p, way, d, record_id, g, sum(CAST(member AS INTEGER)) AS members, max(w) AS w
  FROM group_of GROUP BY ALL),
k AS (SELECT p, d, record_id, count(*) AS k FROM frame GROUP BY ALL),
per_class AS (
  SELECT p, o.way, o.d, o.record_id, g, cs.class AS c, max(cs.w) * max(o.w) AS w,
    sum(CAST(member AS INTEGER)) AS n FROM group_of o
  JOIN cs ON cs.d = o.d AND {_match("cs", dimensions[0], "o")}{same_way}
  GROUP BY ALL),
base AS (
  SELECT p, way, d, g, {_sum("w * members / k")} AS base,
    {_sum("w * CAST(members > 0 AS INTEGER)")} AS can,
    {_sum("w * CAST(members = k AS INTEGER)")} AS must,
    count(*) FILTER (members > 0) AS labels
  FROM totals JOIN k USING (p, d, record_id) GROUP BY ALL),
universe AS (
  SELECT dimension AS d, class FROM naming WHERE dimension IN ({_listed(dimensions)})),
cell AS (
  SELECT p, way, d, g, c, {_sum("x.w * n / k")} AS count,
    {_sum("x.w * CAST(n = k AS INTEGER)")} AS low, {_sum("x.w")} AS high,
    {_sum("x.w * CAST(members = n AS INTEGER)")} AS never_else,
    {_sum("x.w * CAST(members = k AS INTEGER)")} AS may_be_here,
    count(*) FILTER (n < k) AS disputed
  FROM per_class x JOIN totals USING (p, way, d, record_id, g) JOIN k USING (p, d, record_id)
  WHERE n > 0 GROUP BY p, way, d, g, c)
SELECT u.p, u.way, u.d, u.g, u.class AS c, {_rounded("count")} AS count,
  {_rounded("low")} AS low, {_rounded("high")} AS high, {_rounded("base")} AS base,
  {_rounded("count", "base")} AS share,
  {_rounded("low", "coalesce(low, 0) + can - coalesce(never_else, 0)")} AS share_low,
  {_rounded("high", "coalesce(high, 0) + must - coalesce(may_be_here, 0)")} AS share_high,
  CAST(coalesce(disputed, 0) AS INTEGER) AS disputed, CAST(labels AS INTEGER) AS labels
FROM (SELECT base.*, class FROM base JOIN universe USING (d)) u
LEFT JOIN cell
  ON cell.p = u.p AND cell.way = u.way AND cell.d = u.d AND cell.g = u.g AND cell.c = u.class
WHERE u.g = '' OR can > 0"""


def records_statement(count: Count, population: Population, group: str, class_: str) -> str:
    """The SQL that lists the records behind one cell: record_id, votes (1 = all coders say so)."""
    return f"""
WITH {_frame((count.dimension,), (population,), count.within)},
gs AS ({_once(_groups(count.within, False))}),
cs AS ({_once(_said((count.dimension,)))})
SELECT frame.record_id, round(sum(CAST(member AS INTEGER)) FILTER
  (gs.class = {quoted(group)} AND cs.class = {quoted(class_)})
  / count(DISTINCT frame.coder_id), 6) AS votes
FROM frame LEFT JOIN gs ON {_match("gs", count.within)}
LEFT JOIN cs ON {_match("cs", count.dimension)}
GROUP BY frame.record_id HAVING votes > 0 ORDER BY frame.record_id"""


def _once(rows: str) -> str:
    """The rows without their way of counting: a record is in a city once, not once for each way."""
    if "'fractional'" not in rows:
        return rows
    return f"SELECT DISTINCT * EXCLUDE (way, w) FROM ({rows})"


def _sum(term: str) -> str:
    # Decimal sums do not depend on the order in which threads add them up.
    return f"sum(CAST({term} AS DECIMAL(18, 9)))"


def _rounded(top: str, bottom: str = "") -> str:
    value = f"CAST(coalesce({top}, 0) AS DOUBLE)"
    if bottom:
        value += f" / nullif(CAST({bottom} AS DOUBLE), 0)"
    return f"round({value}, 6)"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def _frame(dimensions: Sequence[str], populations: Sequence[Population], within: str) -> str:
    """The coders of each record who answered all that is asked, and whether they say it belongs.

    One row a population p, dimension d, record and coder; a single coder '' where coders are not
    asked at all.
    """
    asked = is_coded(dimensions[0])
    parts = []
    if asked:
        parts.append(f"""answered AS (
  SELECT DISTINCT dimension AS d, record_id, coder_id FROM judgements
  WHERE dimension IN ({_listed(dimensions)}))""")
    else:
        parts.append(f"asked AS (SELECT unnest([{_listed(dimensions)}]) AS d)")
    selects = []
    for population in populations:
        kind = f"kind = {quoted(population.kind)}" if population.kind else "true"
        tested = _tested(population, within)
        joined = "answered" if asked else "asked CROSS JOIN records"
        coder, member = ("coder_id" if asked else "''"), "true"
        if tested:
            joined = f"answered JOIN ({tested}) USING (record_id, coder_id)"
            joined = joined if asked else f"asked CROSS JOIN ({tested})"
            coder, member = "coder_id", "member"
        if asked or tested:
            joined += " JOIN records USING (record_id)"
        selects.append(
            f"SELECT {quoted(population.name)} AS p, d, record_id, {coder} AS coder_id, "
            f"{member} AS member FROM {joined} WHERE {kind}"
        )
    parts.append("frame AS (\n  " + "\n  UNION ALL ".join(selects) + ")")
    return ",\n".join(parts)


def _tested(population: Population, within: str) -> str:
    """Coders who answered what the population and the grouping ask; '' where they ask nothing."""
    also = [d for d, _ in population.answers] + ([within] if is_coded(within) else [])
    also = list(dict.fromkeys(also))
    if not also:
        return ""
    tests = " AND ".join(
        f"bool_or(dimension = {quoted(d)} AND class = {quoted(c)})" for d, c in population.answers
    )
    return (
        f"SELECT record_id, coder_id, {tests or 'true'} AS member FROM judgements "
        f"WHERE dimension IN ({_listed(also)}) "
        f"GROUP BY record_id, coder_id HAVING count(DISTINCT dimension) = {len(also)}"
    )


def _groups(within: str, cities: bool) -> str:
    """The groups in which a count is taken, and the ways of counting records in several cities."""
    if within == CITY:
        return _said((CITY,))
    ways = "unnest(['full', 'fractional'])" if cities else "'record'"
    if not within:
        return f"SELECT '' AS class, 1 AS w, {ways} AS way"
    return f"SELECT *, {ways} AS way FROM ({_said((within,))})"


def _said(dimensions: Sequence[str]) -> str:
    first = dimensions[0]
    if first == CITY:
        seats = "SELECT DISTINCT record_id, city_id, fraction FROM places WHERE in_panel"
        return (
            "SELECT 'city' AS d, record_id, city_id AS class, unnest([1, fraction]) AS w, "
            f"unnest(['full', 'fractional']) AS way FROM ({seats})"
        )
    if is_coded(first):
        return (
            "SELECT dimension AS d, record_id, coder_id, class, 1 AS w FROM judgements "
            f"WHERE dimension IN ({_listed(dimensions)})"
        )
    return " UNION ALL ".join(
        f"SELECT {quoted(d)} AS d, record_id, {COLUMNS[d]} AS class, 1 AS w FROM records"
        for d in dimensions
    )


def _match(alias: str, dimension: str, left: str = "frame") -> str:
    if not dimension:
        return "true"
    same = f"{alias}.record_id = {left}.record_id"
    return f"{same} AND {alias}.coder_id = {left}.coder_id" if is_coded(dimension) else same
