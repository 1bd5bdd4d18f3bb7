"""What coders say, after adjudication, with everything that follows from it by the codebook.

`judgements` has a row for each record, coder, dimension and class; derived dimensions are worked
out coder by coder, so that coders who differ on one test differ on `innovative` exactly where it
matters. `verdicts` sums them up: the share of a record's coders who say so.
"""

from __future__ import annotations

from innovatory import codebook
from innovatory.codebook import Codebook, Derived, Dimension, Rule
from innovatory.engine import Engine, quoted
from innovatory.errors import CodebookError

TABLES = ("codings", "evidence", "adjudications", "judgements", "verdicts", "coders", "draws",
          "classes")  # fmt: skip

# Answers by which a coder says that the question cannot be answered.
OPEN_ANSWERS = ("unclear", "unknown")


def take(engine: Engine, book: Codebook) -> None:
    """Create the tables named in TABLES; needs the tables of `snapshot.take` in the engine."""
    _valid(engine, book)
    _answers(engine)
    derived = [_rule(d) if isinstance(d.how, Rule) else _roll_up(d) for d in book.derived]
    every = " UNION ALL ".join(["SELECT record_id, coder_id, dimension, class FROM answers",
                                *derived])  # fmt: skip
    engine.run(f"""
        CREATE TABLE judgements AS
        SELECT record_id, coder_id, CAST(dimension AS dimension_key) AS dimension,
          CAST(class AS class_key) AS class
        FROM ({every}) ORDER BY ALL""")
    engine.run("""
        CREATE TABLE verdicts AS
        WITH coders AS (
          SELECT record_id, dimension, count(DISTINCT coder_id) AS coders FROM judgements
          GROUP BY ALL)
        SELECT record_id, dimension, class, round(count(*) / coders, 9) AS votes,
          CAST(coders AS INTEGER) AS coders, count(*) < coders AS disputed
        FROM judgements JOIN coders USING (record_id, dimension)
        GROUP BY record_id, dimension, class, coders ORDER BY record_id, dimension, class""")
    _classes(engine, book)
    _summary(engine, book)


def _valid(engine: Engine, book: Codebook) -> None:
    """Codings stay in force while the question they answered stays as it was.

    A coding made by an older codebook counts when that codebook asked the dimension in the same
    words with the same classes. Of several codings by one coder the one by the codebook in force
    comes first, then the latest draw.
    """
    in_force = {d.id: d.hash for d in book.dimensions}
    pairs = [(book.version, name) for name in in_force] + [("", name) for name in in_force]
    for row in engine.rows("SELECT version, text FROM fact_codebooks ORDER BY version"):
        if row["version"] == book.version:
            continue
        try:
            older = codebook.parse(row["text"], name=f"codebook {row['version']}")
        except CodebookError:
            continue
        pairs += [(row["version"], d.id) for d in older.dimensions if in_force.get(d.id) == d.hash]
    listed = ", ".join(f"({quoted(version)}, {quoted(name)})" for version, name in pairs)
    engine.run(f"CREATE TABLE valid AS SELECT * FROM (VALUES {listed}) AS v(codebook, dimension)")
    _keys(engine, book)
    engine.run(f"""
        CREATE TABLE codings AS
        SELECT try_cast(record_id AS record_key) AS record_id,
          CAST(dimension AS dimension_key) AS dimension, CAST(coder_id AS coder_key) AS coder_id,
          value, confidence, comment, draw, codebook
        FROM fact_codings JOIN valid USING (codebook, dimension)
        WHERE try_cast(record_id AS record_key) IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY record_id, dimension, coder_id
          ORDER BY codebook = {quoted(book.version)} DESC, codebook, draw DESC) = 1
        ORDER BY record_id, dimension, coder_id""")
    engine.run("""
        CREATE TABLE evidence AS
        WITH quoted AS (
          SELECT try_cast(record_id AS record_key) AS record_id,
            try_cast(dimension AS dimension_key) AS dimension,
            try_cast(coder_id AS coder_key) AS coder_id, codebook, draw, field, start, "end", quote
          FROM fact_evidence)
        SELECT q.record_id, q.dimension, q.coder_id, q.field, q.start, q."end", q.quote
        FROM quoted q JOIN codings USING (record_id, dimension, coder_id, codebook, draw)
        ORDER BY ALL""")
    engine.run("""
        CREATE TABLE adjudications AS
        SELECT try_cast(record_id AS record_key) AS record_id,
          CAST(dimension AS dimension_key) AS dimension, adjudicator, value, reason
        FROM fact_adjudications JOIN valid USING (codebook, dimension)
        WHERE try_cast(record_id AS record_key) IS NOT NULL ORDER BY record_id, dimension""")


def _keys(engine: Engine, book: Codebook) -> None:
    """Dimensions, coders and classes as enumerations, in the order of their names."""
    dimensions = sorted({d.id for d in book.dimensions} | {d.id for d in book.derived})
    classes = {c.id for d in book.dimensions for c in d.classes}
    classes |= {c.id for d in book.derived for c in d.classes}
    for name, values in (("dimension_key", dimensions), ("class_key", sorted(classes))):
        engine.run(f"CREATE TYPE {name} AS ENUM ({', '.join(map(quoted, values))})")
    engine.run("""
        CREATE TYPE coder_key AS ENUM (SELECT DISTINCT coder_id AS id FROM fact_codings UNION
          SELECT adjudicator FROM fact_adjudications UNION SELECT '' ORDER BY id)""")


def _answers(engine: Engine) -> None:
    """Each coder's answers; where a dimension was adjudicated the settled one stands for all."""
    engine.run("""
        CREATE TABLE answers AS
        WITH sheets AS (
          SELECT DISTINCT record_id, coder_id FROM codings),
        settled AS (
          SELECT a.record_id,
                 coalesce(s.coder_id, CAST(a.adjudicator AS coder_key)) AS coder_id, a.dimension,
                 a.value
          FROM adjudications a LEFT JOIN sheets s USING (record_id)),
        every AS (
          SELECT record_id, coder_id, dimension, value FROM codings
          WHERE (record_id, dimension) NOT IN (SELECT record_id, dimension FROM adjudications)
          UNION ALL SELECT record_id, coder_id, dimension, value FROM settled)
        SELECT DISTINCT record_id, coder_id, dimension,
          CAST(unnest(string_split(value, '|')) AS class_key) AS class
        FROM every""")


def _rule(derived: Derived) -> str:
    """Yes when enough tests are met; no when enough can no longer be met; else cannot tell."""
    rule = derived.how
    assert isinstance(rule, Rule)
    tests = ", ".join(quoted(name) for name in rule.of)
    open_answers = ", ".join(quoted(name) for name in OPEN_ANSWERS)
    return f"""
        SELECT record_id, coder_id, {quoted(derived.id)},
          CASE WHEN count(*) FILTER (class = {quoted(rule.answer)}) >= {rule.needed} THEN 'yes'
               WHEN {len(rule.of)} - count(*) FILTER (class <> {quoted(rule.answer)}
                 AND class NOT IN ({open_answers})) < {rule.needed} THEN 'no'
               ELSE {quoted(codebook.CANNOT_TELL)} END
        FROM answers WHERE dimension IN ({tests}) GROUP BY record_id, coder_id"""


def _roll_up(derived: Derived) -> str:
    assert not isinstance(derived.how, Rule)
    whens = " ".join(f"WHEN {quoted(a)} THEN {quoted(b)}" for a, b in derived.how.into)
    return f"""
        SELECT DISTINCT record_id, coder_id, {quoted(derived.id)}, CASE class {whens} END
        FROM answers WHERE dimension = {quoted(derived.how.of)}"""


def _classes(engine: Engine, book: Codebook) -> None:
    every: tuple[Dimension | Derived, ...] = (*book.dimensions, *book.derived)
    rows = [
        (d.id, d.title, n, c.id, c.label, c.definition, "multi" if d.multi else "single",
         isinstance(d, Derived))
        for d in every for n, c in enumerate(d.classes)
    ]  # fmt: skip
    values = ", ".join(
        f"({quoted(d)}, {quoted(t)}, {n}, {quoted(c)}, {quoted(label)}, {quoted(text)}, "
        f"{quoted(kind)}, {derived})"
        for d, t, n, c, label, text, kind, derived in rows
    )
    engine.run(f"""CREATE TABLE classes AS SELECT * FROM (VALUES {values})
        AS v(dimension, title, ord, class, label, definition, kind, derived)""")


def _summary(engine: Engine, book: Codebook) -> None:
    """Coders, draws, and on each record how many coders it had and where they differ."""
    asked = ", ".join(quoted(d.id) for d in book.dimensions)
    engine.run("""
        ALTER TABLE records ADD COLUMN coders INTEGER DEFAULT 0""")
    engine.run("ALTER TABLE records ADD COLUMN disputed INTEGER DEFAULT 0")
    engine.run("""
        UPDATE records SET coders = n FROM (
          SELECT record_id, count(DISTINCT coder_id) AS n FROM codings GROUP BY record_id) c
        WHERE c.record_id = records.record_id""")
    engine.run(f"""
        UPDATE records SET disputed = n FROM (
          SELECT record_id, count(DISTINCT dimension) AS n FROM verdicts
          WHERE disputed AND dimension IN ({asked}) GROUP BY record_id) v
        WHERE v.record_id = records.record_id""")
    engine.run("""
        CREATE TABLE coders AS SELECT coder_id, kind, label, version FROM fact_coders
        WHERE coder_id IN (SELECT coder_id FROM codings) ORDER BY coder_id""")
    engine.run("""
        CREATE TABLE draws AS SELECT draw_id, design, seed, record_id, probability
        FROM fact_draws WHERE record_id IN (SELECT record_id FROM member)
        ORDER BY draw_id, record_id""")
