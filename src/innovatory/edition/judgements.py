"""What coders say, after adjudication, with everything that follows from it by the codebook.

`judgements` has a row for each record, coder, dimension and class; derived dimensions are worked
out coder by coder, so that coders who differ on one test differ on `innovative` exactly where it
matters. `verdicts` sums them up: the share of a record's coders who say so.
"""

from __future__ import annotations

from collections.abc import Sequence

from innovatory import codebook
from innovatory.codebook import Codebook, Derived, Dimension, Rule
from innovatory.engine import Engine, quoted
from innovatory.errors import CodebookError

TABLES = ("codings", "evidence", "adjudications", "judgements", "verdicts", "coders", "draws",
          "classes")  # fmt: skip

# Answers by which a coder says that the question cannot be answered.
OPEN_ANSWERS = ("unclear", "unknown")
# Kinds of coders whose answers count only where the observatory names them as reference.
MACHINES = ("machine", "llm", "rule")


def take(engine: Engine, book: Codebook, *, reference: Sequence[str] | None = None) -> None:
    """Create the tables named in TABLES; needs the tables of `snapshot.take` in the engine.

    Judgements are those of the coders in `reference`; None stands for all but machines, language
    models and rules, whose answers are kept and shown and enter no count by themselves.
    """
    _valid(engine, book)
    _reference(engine, reference)
    _answers(engine)
    _derive(engine, book, "answers", "judgements")
    if engine.rows("SELECT 1 AS one FROM adjudications LIMIT 1"):
        _derive(engine, book, "unsettled", "told")
    else:
        engine.run("CREATE VIEW told AS SELECT * FROM judgements")
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


def _derive(engine: Engine, book: Codebook, answers: str, name: str) -> None:
    """Create a table of answers with the derived dimensions that follow from them."""
    derived = [
        _rule(d, answers) if isinstance(d.how, Rule) else _roll_up(d, answers)
        for d in book.derived
    ]  # fmt: skip
    every = " UNION ALL ".join(
        [f"SELECT record_id, coder_id, dimension, class FROM {answers}", *derived]
    )
    engine.run(f"""
        CREATE TABLE {name} AS
        SELECT record_id, coder_id, CAST(dimension AS dimension_key) AS dimension,
          CAST(class AS class_key) AS class
        FROM ({every}) ORDER BY ALL""")


def _reference(engine: Engine, named: Sequence[str] | None) -> None:
    kinds = ", ".join(quoted(kind) for kind in MACHINES)
    test = f"coalesce(kind, 'unknown') NOT IN ({kinds})"
    if named is not None:
        test = f"coder_id IN ({', '.join(quoted(name) for name in named)})"
    engine.run(f"""
        CREATE TABLE reference AS SELECT DISTINCT c.coder_id FROM codings c
        LEFT JOIN (SELECT coder_id, kind FROM fact_coders) k ON k.coder_id = c.coder_id
        WHERE {test.replace("coder_id", "c.coder_id")}""")


def _valid(engine: Engine, book: Codebook) -> None:
    """Codings stay in force while the question they answered stays as it was.

    A coding made by an older codebook counts when that codebook asked the dimension in the same
    words with the same classes, or where a crosswalk of the codebook in force says what became of
    its classes. Of several codings by one coder the one by the codebook in force comes first, then
    the latest draw.
    """
    older = []
    in_force = {d.id: d.hash for d in book.dimensions}
    pairs = [(book.version, name) for name in in_force] + [("", name) for name in in_force]
    for row in engine.rows("SELECT version, text FROM fact_codebooks ORDER BY version"):
        if row["version"] == book.version:
            continue
        try:
            before = codebook.parse(row["text"], name=f"codebook {row['version']}")
        except CodebookError:
            continue
        older.append(before)
        pairs += [(before.version, d.id) for d in before.dimensions if in_force.get(d.id) == d.hash]
    listed = ", ".join(f"({quoted(version)}, {quoted(name)})" for version, name in pairs)
    engine.run(f"CREATE TABLE valid AS SELECT * FROM (VALUES {listed}) AS v(codebook, dimension)")
    _carried(engine, book, older)
    _keys(engine, book)
    engine.run(f"""
        CREATE TABLE codings AS
        SELECT try_cast(record_id AS record_key) AS record_id,
          CAST(dimension AS dimension_key) AS dimension, CAST(coder_id AS coder_key) AS coder_id,
          value, confidence, comment, draw, codebook, coded_at, suggestion
        FROM answered
        WHERE try_cast(record_id AS record_key) IS NOT NULL
          AND draw NOT IN (SELECT draw_id FROM fact_draws WHERE design = 'repeat')
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
        FROM settled_in_force WHERE try_cast(record_id AS record_key) IS NOT NULL
        ORDER BY record_id, dimension""")


def _carried(engine: Engine, book: Codebook, older: Sequence[Codebook]) -> None:
    """Create `answered` and `settled_in_force`: codings and adjudications that still count."""
    tables = {"answered": "codings", "settled_in_force": "adjudications"}
    if not book.crosswalks:
        for view, facts in tables.items():
            engine.run(f"CREATE VIEW {view} AS SELECT * FROM fact_{facts} "
                       "JOIN valid USING (codebook, dimension)")  # fmt: skip
        return
    # Imported here because most codebooks have no crosswalk.
    from innovatory.codebook_diff import carrying

    engine.table("carrying", carrying(book, older))
    single = ", ".join(quoted(d.id) for d in book.dimensions if not d.multi) or "NULL"
    for view, facts in tables.items():
        engine.run(f"""
            CREATE VIEW {view} AS
            SELECT f.* FROM fact_{facts} f JOIN valid USING (codebook, dimension) UNION ALL
            SELECT f.* REPLACE ((
              SELECT string_agg(DISTINCT becomes, '|' ORDER BY becomes) FROM carrying c
              WHERE c.codebook = f.codebook AND c.dimension = f.dimension
                AND list_contains(string_split(f.value, '|'), c.class)) AS value)
            FROM fact_{facts} f ANTI JOIN valid USING (codebook, dimension)
            WHERE len(string_split(f.value, '|')) = (
              SELECT count(DISTINCT c.class) FROM carrying c
              WHERE c.codebook = f.codebook AND c.dimension = f.dimension
                AND list_contains(string_split(f.value, '|'), c.class))
              AND (f.dimension NOT IN ({single}) OR NOT contains(f.value, '|'))""")


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
    """Each coder's answers; where a dimension was adjudicated the settled one stands for all.

    `unsettled` has them as they were given.
    """
    engine.run("""
        CREATE VIEW unsettled AS
        SELECT DISTINCT record_id, coder_id, dimension,
          CAST(unnest(string_split(value, '|')) AS class_key) AS class
        FROM codings JOIN reference USING (coder_id)""")
    engine.run("""
        CREATE TABLE answers AS
        WITH sheets AS (
          SELECT DISTINCT record_id, coder_id FROM codings JOIN reference USING (coder_id)),
        settled AS (
          SELECT a.record_id,
                 coalesce(s.coder_id, CAST(a.adjudicator AS coder_key)) AS coder_id, a.dimension,
                 a.value
          FROM adjudications a LEFT JOIN sheets s USING (record_id)),
        every AS (
          SELECT record_id, coder_id, dimension, value FROM codings JOIN reference USING (coder_id)
          WHERE (record_id, dimension) NOT IN (SELECT record_id, dimension FROM adjudications)
          UNION ALL SELECT record_id, coder_id, dimension, value FROM settled)
        SELECT DISTINCT record_id, coder_id, dimension,
          CAST(unnest(string_split(value, '|')) AS class_key) AS class
        FROM every""")


def _rule(derived: Derived, answers: str) -> str:
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
        FROM {answers} WHERE dimension IN ({tests}) GROUP BY record_id, coder_id"""


def _roll_up(derived: Derived, answers: str) -> str:
    assert not isinstance(derived.how, Rule)
    whens = " ".join(f"WHEN {quoted(a)} THEN {quoted(b)}" for a, b in derived.how.into)
    return f"""
        SELECT DISTINCT record_id, coder_id, {quoted(derived.id)}, CASE class {whens} END
        FROM {answers} WHERE dimension = {quoted(derived.how.of)}"""


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
          SELECT record_id, count(DISTINCT coder_id) AS n FROM codings
          JOIN reference USING (coder_id) GROUP BY record_id) c
        WHERE c.record_id = records.record_id""")
    engine.run(f"""
        UPDATE records SET disputed = n FROM (
          SELECT record_id, count(DISTINCT dimension) AS n FROM verdicts
          WHERE disputed AND dimension IN ({asked}) GROUP BY record_id) v
        WHERE v.record_id = records.record_id""")
    engine.run("""
        CREATE TABLE coders AS SELECT coder_id, kind, label, version,
          coder_id IN (SELECT coder_id FROM reference) AS reference FROM fact_coders
        WHERE coder_id IN (SELECT coder_id FROM codings) ORDER BY coder_id""")
    engine.run("""
        CREATE TABLE draws AS
        SELECT draw_id, design, seed, target, record_id, probability, drawn, second
        FROM fact_draws WHERE record_id IN (SELECT record_id FROM member)
        ORDER BY draw_id, record_id""")
