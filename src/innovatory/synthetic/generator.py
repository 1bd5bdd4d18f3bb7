"""A made-up corpus, plainly marked, drawn by a seeded generator: nothing in it is real.

Two uses: `published_page` meets every margin that the page of `data/published-figures.yaml`
prints, so that the whole road from records to claims can be checked against known numbers;
`corpus` is as large as wanted, for measuring. Both give native JSON Lines.

What one record is made of, and how it reads, is in `drafts`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

from innovatory.errors import SourceError
from innovatory.gazetteer.cityfile import City
from innovatory.synthetic.drafts import (
    COUNTRY,
    DRIVER_WEIGHTS,
    GOAL_WEIGHTS,
    LAST_YEAR,
    SECTOR_WEIGHTS,
    Answer,
    Profile,
    draw_profile,
    other_answer,
    pick,
    record_row,
    sentence,
)

PAGE_CITIES = 31

TESTS = ("new_to_city", "real_setting", "value", "new_technology")
# The dimensions for which the coders of the starter corpus quote the words that decided.
QUOTED = ("real_setting", "driver", "sector", "goal", "stage")


@dataclass(frozen=True, slots=True)
class SyntheticCorpus:
    """A made-up source that can be read again and again and is never held in memory whole.

    `cities` is its panel, which is on no map; `coders` are the ids of those who coded it. The
    first coder gives the answers that the records were written from; each other one errs on every
    answer with probability `disagreement` (0 to 1).
    """

    id: str
    title: str
    cities: tuple[City, ...]
    coders: tuple[str, ...]
    seed: int
    disagreement: float
    population: str
    _profiles: Callable[[], Iterable[Profile]]

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of records.jsonl, in the native form of a record.

        >>> row = next(published_page(1).records())
        >>> row["title"], row["country"], row["verified"]
        ('Project 0001 (synthetic)', 'ZZ', None)
        """
        return map(record_row, self._profiles())

    def codings(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of codings.jsonl: every record, by every coder in turn."""
        return (row for profile in self._profiles() for row in self._coded(profile))

    def source_toml(self) -> str:
        """The text of source.toml, which declares the source and marks it as synthetic."""
        coders = "".join(
            f'\n[coders.{coder}]\nkind = "rules"\nlabel = "Coder {coder[-1].upper()} (made up)"\n'
            for coder in self.coders
        )
        return (
            "# Written by a seeded generator: nothing in this folder describes anything real.\n"
            f'id = "{self.id}"\n'
            f'title = "{self.title}"\n'
            'design = "census"\n'
            f'population = "{self.population}"\n'
            'licence = "CC0-1.0"\n'
            'attribution = "Innovatory synthetic corpus"\n'
            f'gathered = "{LAST_YEAR}-12-31"\n'
            f'notes = "Synthetic, seed {self.seed}: made-up records of made-up cities. '
            f'Share of answers on which later coders err: {self.disagreement}."\n'
            "synthetic = true\n"
            'files = ["records.jsonl", "codings.jsonl"]\n' + coders
        )

    def write(self, folder: Path) -> None:
        """Write records.jsonl, codings.jsonl and source.toml into a folder, made if need be.

        The files replace earlier ones only when all of them are complete. The same corpus gives
        the same bytes. Raises SourceError where the folder cannot be written.
        """
        names = ("records.jsonl", "codings.jsonl", "source.toml")
        parts = [folder / f".{name}.part" for name in names]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._write_rows(parts[0], parts[1])
            parts[2].write_text(self.source_toml(), encoding="utf-8", newline="\n")
            for part, name in zip(parts, names, strict=True):
                os.replace(part, folder / name)
        except OSError as error:
            raise SourceError(
                f"{folder}: the synthetic corpus cannot be written ({error.strerror}); "
                "give a folder that you may write to, on a disk with room"
            ) from error
        finally:
            for part in parts:
                if part.is_file():
                    part.unlink()

    def _write_rows(self, records: Path, codings: Path) -> None:
        import msgspec  # not at the top: the command line imports this module to list its verbs

        encode = msgspec.json.Encoder().encode
        with records.open("wb") as record_file, codings.open("wb") as coding_file:
            for profile in self._profiles():
                record_file.write(encode(record_row(profile)) + b"\n")
                for row in self._coded(profile):
                    coding_file.write(encode(row) + b"\n")

    def _coded(self, profile: Profile) -> Iterator[dict[str, Any]]:
        evidence = {name: sentence(profile, name) for name in QUOTED}
        for place, coder in enumerate(self.coders):
            answers = dict(profile.answers)
            if place and self.disagreement:
                # A generator of its own keeps the records the same whatever the coders do.
                rng = Random(f"{self.seed}/{coder}/{profile.id}")
                for name, answer in answers.items():
                    if rng.random() < self.disagreement:
                        answers[name] = other_answer(rng, name, answer)
            confidence = 1 + (profile.number + place) % 3
            yield {
                "coder": coder,
                "id": profile.id,
                **{n: list(a) if isinstance(a, tuple) else a for n, a in answers.items()},
                "confidence": confidence,
                "evidence": evidence,
            }


def published_page(seed: int, *, disagreement: float = 0.0) -> SyntheticCorpus:
    """A corpus that meets every figure of the published page, as of the end of 2022.

    1,088 projects and 206 living labs in 31 cities; 306 projects are innovative (154 led by the
    city or the private sector, 152 driven by living labs). Two coders; with `disagreement` 0
    they agree on everything, so that low, value and high of every claim are the same.

    >>> page = published_page(2022)
    >>> sum(row["kind"] == "living_lab" for row in page.records())
    206
    >>> len(page.cities), page.cities[0].id, page.cities[0].name, page.cities[0].lat
    (31, 'city-01-zz', 'City 01', None)
    """
    _check(disagreement=(0 <= disagreement <= 1, "a probability, 0 to 1"))
    profiles = tuple(_page_profiles(seed))
    return SyntheticCorpus(
        id="synthetic-page",
        title="Synthetic corpus that meets the margins of a published page",
        cities=_panel(PAGE_CITIES),
        coders=_coder_ids(2),
        seed=seed,
        disagreement=disagreement,
        population="a made-up list of projects and living labs, drawn by a seeded generator to "
        "meet the margins of a published page",
        _profiles=lambda: profiles,
    )


def corpus(
    records: int, *, cities: int, seed: int, coders: int = 1, disagreement: float = 0.0
) -> SyntheticCorpus:
    """A corpus of any size, free of margins, drawn record by record as it is read.

    About one record in six is a living lab; cities differ in size as ranks do (the count falls
    with rank to the power 0.6); one in fifty has no dates and one in twenty-five is not urban.

    >>> free = corpus(3, cities=2, seed=1)
    >>> [row["id"] for row in free.records()]
    ['synthetic-0001', 'synthetic-0002', 'synthetic-0003']
    """
    _check(
        records=(records >= 0, "0 or more"),
        cities=(cities >= 1, "1 or more"),
        coders=(1 <= coders <= 26, "1 to 26"),
        disagreement=(0 <= disagreement <= 1, "a probability, 0 to 1"),
    )
    panel = _panel(cities)
    return SyntheticCorpus(
        id="synthetic-corpus",
        title=f"Synthetic corpus of {records:,} records",
        cities=panel,
        coders=_coder_ids(coders),
        seed=seed,
        disagreement=disagreement,
        population="a made-up list of projects and living labs, drawn by a seeded generator",
        _profiles=lambda: _free_profiles(records, panel, seed),
    )


def _check(**wanted: tuple[bool, str]) -> None:
    for name, (met, allowed) in wanted.items():
        if not met:
            raise SourceError(f"synthetic corpus: {name} is out of range; give {allowed}")


def _panel(cities: int) -> tuple[City, ...]:
    digits = max(2, len(str(cities)))
    return tuple(
        City(
            f"city-{n:0{digits}}-{COUNTRY.lower()}",
            f"City {n:0{digits}}",
            COUNTRY,
            lat=None,
            lon=None,
            population=None,
        )
        for n in range(1, cities + 1)
    )


def _coder_ids(coders: int) -> tuple[str, ...]:
    return tuple(f"synthetic-coder-{chr(ord('a') + n)}" for n in range(coders))


# --- the published page ------------------------------------------------------------------------

# City number to count. City 01 and City 02 lead in innovative projects by either reading (of all,
# of those led by the city or private sector); 03, 04 and 05 lead, in this order, in living labs
# and in projects driven by them. `cap` keeps every other city behind.
_BY_CITY_OR_PRIVATE = {1: 20, 2: 17}
_BY_LIVING_LAB = {1: 6, 2: 6, 3: 14, 4: 12, 5: 10}
_NOT_INNOVATIVE_BY_LIVING_LAB = {3: 9, 4: 8, 5: 7}
_LABS = {3: 20, 4: 17, 5: 14}
_PRINTED_SECTORS = ("transport", "logistics", "labour_employment", "environment")

_Draft = tuple[int, dict[str, Answer]]  # city number, and the answers that are fixed


def _page_profiles(seed: int) -> Iterator[Profile]:
    rng = Random(seed)
    drafts = [*_innovative_drafts(rng), *_other_drafts(rng)]
    rng.shuffle(drafts)
    labs = [
        (city, {"driver": "living_lab" if rng.random() < 0.85 else "city", **_any_tests(rng)})
        for city in _spread(rng, 206, leaders=_LABS, cap=9)
    ]
    names = [city.name for city in _panel(PAGE_CITIES)]
    for kind, group in (("project", drafts), ("living_lab", labs)):
        for number, (city, given) in enumerate(group, 1):
            yield draw_profile(
                rng, f"synthetic-{kind.replace('_', '-')}-{number:04}", number, kind,
                names[city - 1], {"scope": "urban", **given}, dated=True,
            )  # fmt: skip


def _innovative_drafts(rng: Random) -> list[_Draft]:
    """The 306: sectors drawn for all, goals for the 154, with energy inside business models."""
    startups, jobs = rng.choice((21, 22)), rng.choice((15, 16))
    other_goals = ["other"] * 26 + ["startup_incubation"] * startups + ["job_creation"] * jobs
    other_goals += ["special_zone"] * (154 - 77 - len(other_goals))
    rng.shuffle(other_goals)
    in_energy = rng.randint(27, 31)  # more than 35% of 77 needs 27
    freight = rng.randint(25, 45)
    rest = {s: w for s, w in SECTOR_WEIGHTS.items() if s not in _PRINTED_SECTORS}
    sectors = ["transport"] * 55 + ["logistics"] * freight + ["labour_employment"] * (73 - freight)
    sectors += [pick(rng, rest) for _ in range(306 - 70 - 55 - 73)]
    rng.shuffle(sectors)
    in_models = ["environment"] * in_energy + sectors[: 77 - in_energy]
    elsewhere = ["environment"] * (70 - in_energy) + sectors[77 - in_energy :]
    rng.shuffle(elsewhere)

    goals = ["new_business_model"] * 77 + other_goals
    goals += [pick(rng, GOAL_WEIGHTS) for _ in range(152)]
    leads = rng.choices(("city", "private", "co_led"), (45, 42, 13), k=154) + ["living_lab"] * 152
    places = _spread(rng, 154, leaders=_BY_CITY_OR_PRIVATE, cap=6)
    places += _spread(rng, 152, leaders=_BY_LIVING_LAB, cap=7)
    met = dict.fromkeys(TESTS, "yes")
    rows = zip(places, leads, goals, in_models + elsewhere, strict=True)
    return [(city, {**met, "driver": d, "goal": g, "sector": s}) for city, d, g, s in rows]


def _other_drafts(rng: Random) -> list[_Draft]:
    """The 782 that are not innovative, each because it fails some of the four tests."""
    drivers = {d: w for d, w in DRIVER_WEIGHTS.items() if d != "living_lab"}
    drafts: list[_Draft] = [
        (city, {"driver": "living_lab", **_failed_tests(rng)})
        for city in _spread(rng, 90, leaders=_NOT_INNOVATIVE_BY_LIVING_LAB, cap=5)
    ]
    return drafts + [
        (city, {"driver": pick(rng, drivers), **_failed_tests(rng)})
        for city in _spread(rng, 692, leaders={}, cap=40)
    ]


def _spread(rng: Random, total: int, *, leaders: Mapping[int, int], cap: int) -> list[int]:
    """City numbers, `total` of them in random order: leaders as given, no other above `cap`."""
    counts = dict(leaders)
    others = [n for n in range(1, PAGE_CITIES + 1) if n not in leaders]
    for _ in range(total - sum(leaders.values())):
        city = rng.choice(others)
        counts[city] = counts.get(city, 0) + 1
        if counts[city] == cap:
            others.remove(city)
    listed = [city for city, count in counts.items() for _ in range(count)]
    rng.shuffle(listed)
    return listed


def _failed_tests(rng: Random) -> dict[str, Answer]:
    # One plain 'no' decides the case; with 'unclear' alone the record would be undecided.
    failed = rng.sample(TESTS, rng.choices((1, 2, 3, 4), (50, 28, 14, 8))[0])
    answers: dict[str, Answer] = dict.fromkeys(TESTS, "yes")
    answers |= {test: rng.choice(("no", "no", "unclear")) for test in failed}
    answers[failed[0]] = "no"
    return answers


def _any_tests(rng: Random) -> dict[str, Answer]:
    return dict.fromkeys(TESTS, "yes") if rng.random() < 0.4 else _failed_tests(rng)


# --- any size -----------------------------------------------------------------------------------


def _free_profiles(records: int, panel: tuple[City, ...], seed: int) -> Iterator[Profile]:
    rng = Random(seed)
    digits = max(4, len(str(records)))
    names = [city.name for city in panel]
    sizes = tuple(accumulate(rank**-0.6 for rank in range(1, len(panel) + 1)))
    for number in range(1, records + 1):
        kind = "living_lab" if rng.random() < 1 / 6 else "project"
        city = rng.choices(names, cum_weights=sizes)[0]
        given: dict[str, Answer] = {"scope": "not_urban" if rng.random() < 0.04 else "urban"}
        given |= _any_tests(rng)
        given["driver"] = pick(rng, DRIVER_WEIGHTS)
        dated = rng.random() >= 0.02
        record_id = f"synthetic-{number:0{digits}}"
        yield draw_profile(rng, record_id, number, kind, city, given, dated=dated)
