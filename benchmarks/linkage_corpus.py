"""Made-up records of which some tell of the same project, with the truth beside them.

Every project is a set of facts; a record is one telling of it. A second telling draws other facts,
words them anew or in another language, spells names differently, makes typing errors and leaves
fields out. Other records only look alike: a second phase, a sister project of the same partners in
the same city, the same title in another city. Nothing here knows how records are linked.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from random import Random
from typing import Any

import pyarrow as pa

# English, another English word, German, Spanish.
SUBJECTS = [line.split("|") for line in """
parking|car parks|Parken|aparcamiento
street lighting|street lamps|Strassenbeleuchtung|alumbrado
waste collection|refuse collection|Abfallsammlung|residuos
bicycle sharing|bike hire|Fahrradverleih|bicicletas
air quality|clean air|Luftqualität|calidad del aire
flood warning|flood alerts|Hochwasserwarnung|inundaciones
district heating|heat network|Fernwärme|calefacción
electric buses|battery buses|Elektrobusse|autobuses eléctricos
open data|public data|offene Daten|datos abiertos
traffic lights|signals|Ampeln|semáforos
urban farming|city gardening|Stadtgärten|huertos
telecare|remote care|Telepflege|teleasistencia
water meters|metering|Wasserzähler|contadores
building retrofit|renovation|Gebäudesanierung|rehabilitación
car sharing|shared cars|Carsharing|coche compartido
participatory budget|citizens' budget|Bürgerhaushalt|presupuesto participativo
digital twin|city model|digitaler Zwilling|gemelo digital
freight logistics|deliveries|Lieferlogistik|reparto
solar roofs|photovoltaics|Solardächer|tejados solares
noise monitoring|sound mapping|Lärmmessung|ruido
crowd management|visitor flows|Besucherlenkung|aglomeraciones
school routes|way to school|Schulwege|caminos escolares
tree care|urban trees|Stadtbäume|arbolado
public wifi|wireless access|freies WLAN|red inalámbrica
emergency calls|dispatch|Notruf|emergencias
tourism guide|visitor app|Reiseführer|guía turística
microgrid|local grid|Inselnetz|microrred
housing repair|maintenance|Wohnungsreparatur|viviendas
job matching|employment|Arbeitsvermittlung|empleo
heat shelters|cool places|Hitzeschutz|refugios climáticos
""".strip().splitlines()]  # fmt: skip
QUALIFIERS = [line.split("|") for line in """
smart|intelligent|intelligente|inteligente
connected|networked|vernetzte|conectado
sustainable|green|nachhaltige|sostenible
open|shared|offene|abierto
inclusive|accessible|inklusive|inclusivo
predictive|forecasting|vorausschauende|predictivo
community|neighbourhood|gemeinschaftliche|vecinal
low-carbon|carbon-free|klimafreundliche|bajo en carbono
automated|self-managing|automatische|automatizado
participatory|co-created|partizipative|participativo
""".strip().splitlines()]  # fmt: skip
AIMS = [line.split("|") for line in """
for older people|for seniors|für ältere Menschen|para mayores
for cleaner streets|for tidy streets|für saubere Strassen|para calles limpias
for visitors|for guests|für Gäste|para visitantes
on demand|when needed|nach Bedarf|a demanda
at the harbour|on the waterfront|am Hafen|en el puerto
for small firms|for businesses|für kleine Betriebe|para empresas
at night|after dark|bei Nacht|de noche
in real time|live|in Echtzeit|en tiempo real
for schools|for pupils|für Schulen|para escuelas
in social housing|in council flats|im Sozialbau|en vivienda social
for commuters|for people going to work|für Pendler|para viajeros diarios
in the old town|in the historic centre|in der Altstadt|en el casco antiguo
for wheelchair users|for disabled people|für Rollstuhlfahrer|para sillas de ruedas
at bus stops|at stops|an Haltestellen|en las paradas
in parks|in green spaces|in Parks|en los parques
for hospitals|for clinics|für Krankenhäuser|para hospitales
by auction|by bidding|per Auktion|por subasta
in winter|in the cold season|im Winter|en invierno
for markets|for traders|für Märkte|para mercados
with volunteers|with helpers|mit Freiwilligen|con voluntarios
on the campus|at the university|auf dem Campus|en el campus
for start-ups|for young firms|für Gründer|para empresas emergentes
at the airport|at the terminal|am Flughafen|en el aeropuerto
across the region|region-wide|in der ganzen Region|en toda la región
for newcomers|for migrants|für Zugezogene|para recién llegados
with drones|from the air|mit Drohnen|con drones
by text message|by phone|per Textnachricht|por mensaje
in the suburbs|on the outskirts|in den Vororten|en las afueras
for large events|for festivals|für Grossveranstaltungen|para eventos
with cameras|with video|mit Kameras|con cámaras
at the station|at the railway station|am Bahnhof|en la estación
for tenants|for renters|für Mieter|para inquilinos
""".strip().splitlines()]  # fmt: skip
# Each fact of a project, in two English wordings, German and Spanish.
FACTS = [
    (
        "The trial covers {n} {thing} in {district}.",
        "In {district}, {n} {thing} were fitted.",
        "Der Versuch umfasst {n} {thing} in {district}.",
        "El ensayo abarca {n} {thing} en {district}.",
    ),
    (
        "{org} runs the platform that gathers the readings.",
        "Readings go to a platform of {org}.",
        "{org} betreibt die Plattform für die Messwerte.",
        "{org} gestiona la plataforma de lecturas.",
    ),
    (
        "Residents of {street} tested it for {m} months.",
        "For {m} months people living in {street} tried it out.",
        "Bewohner der {street} probierten es {m} Monate lang aus.",
        "Vecinos de {street} lo probaron durante {m} meses.",
    ),
    (
        "The city wants to improve {subject} and to cut costs by {p} percent.",
        "Better {subject} at {p} percent lower cost is the aim.",
        "Ziel sind {subject} mit {p} Prozent geringeren Kosten.",
        "Se busca mejorar {subject} con {p} por ciento menos de coste.",
    ),
    (
        "A budget of {k},000 euros was set aside.",
        "It cost about {k},000 euros.",
        "Das Budget beträgt {k}.000 Euro.",
        "El presupuesto es de {k}.000 euros.",
    ),
    (
        "The idea came from a workshop led by {person}.",
        "{person} brought up the idea at a workshop.",
        "Die Idee stammt von {person}.",
        "La idea surgió de {person}.",
    ),
    (
        "After the test the service was extended to {district2}.",
        "{district2} followed later.",
        "Später kam {district2} dazu.",
        "Después se amplió a {district2}.",
    ),
    (
        "An app called {app} shows the results.",
        "People see the outcome in the app {app}.",
        "Die App {app} zeigt die Ergebnisse.",
        "La aplicación {app} muestra los resultados.",
    ),
]
THINGS = ("sensors", "households", "vehicles", "stations", "screens", "buildings", "lamps")
PORTALS = ("projects.example.org", "cities-atlas.example.net", "funding.example.eu")
ARTICLES = range(12)
LEGAL = ("", " Ltd", " GmbH", " S.A.", " AG", " B.V.", " Inc.")
PHASES = ((" phase 2", " II", " 2.0", " - Phase II", ": second phase"),
          (" phase 3", " III", " 3.0", " - Phase III", ": third phase"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Noise:
    """How a second telling differs from the facts: probabilities, one for each way."""

    typing_error: float = 0.25
    title_language: float = 0.2
    language: float = 0.05
    reworded: float = 0.5
    no_year: float = 0.25
    year_off: float = 0.2
    no_organisations: float = 0.3
    other_spelling: float = 0.3
    no_site: float = 0.4
    no_description: float = 0.12
    no_city: float = 0.05
    city_unresolved: float = 0.05
    no_grant: float = 0.5
    no_phase: float = 0.03
    district: float = 0.4
    other_account: float = 0.03


HARDER = {"typing_error": 0.35, "language": 0.2, "no_description": 0.2, "no_site": 0.5,
          "other_account": 0.15}  # fmt: skip
"""Changes of Noise: many tellings in another language, or that say other things altogether."""


@dataclass(frozen=True, slots=True)
class LinkageCorpus:
    """Tables as `Ledger.facts` gives them, the city of each spelling, the project of each record.

    `alike` holds the pairs of projects that were made to look the same and are not.
    """

    tables: Mapping[str, pa.Table]
    cities: Mapping[tuple[str, str], str]
    project_of: Mapping[str, int]
    alike: frozenset[tuple[int, int]]

    def pairs(self) -> set[tuple[str, str]]:
        """All pairs of records that tell of the same project, each in the order of ids."""
        told: dict[int, list[str]] = {}
        for record_id, project in self.project_of.items():
            told.setdefault(project, []).append(record_id)
        return {pair for ids in told.values() for pair in combinations(sorted(ids), 2)}


@dataclass(frozen=True, slots=True)
class City:
    id: str
    country: str
    names: tuple[str, ...]
    districts: tuple[str, ...]
    streets: tuple[str, ...]
    organisations: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Project:
    """What is true of a project, whoever tells it; `words` are rows of the vocabularies."""

    number: int
    city: City
    words: tuple[Sequence[str], Sequence[str], Sequence[str]]
    shape: int
    acronym: str
    facts: Mapping[str, Any]
    year: int
    organisations: tuple[tuple[str, ...], ...]
    site: str
    grant: str
    phase: int = 1


class Writer:
    """Draws cities, projects and tellings from one seeded generator."""

    def __init__(self, seed: int, cities: int) -> None:
        self.rng = Random(f"linkage/{seed}")
        self.big = [self._company() for _ in range(300)]
        self.cities = [self._city(n) for n in range(cities)]
        self.weights = [1 / (n + 8) for n in range(cities)]

    def name(self, low: int = 2, high: int = 3) -> str:
        """A pronounceable name that nobody bears."""
        rng = self.rng
        syllables = [
            rng.choice("bcdfghjklmnprstvz") + rng.choice("aeiou") + rng.choice(["", "", "n", "r"])
            for _ in range(rng.randint(low, high))
        ]
        return "".join(syllables).capitalize() + rng.choice(["", "", "l", "s"])

    def _company(self) -> tuple[str, ...]:
        stem = f"{self.name()} {self.rng.choice(['Systems', 'Energy', 'Mobility', 'Data', ''])}"
        stem = stem.strip()
        return stem + self.rng.choice(LEGAL), stem, stem + self.rng.choice(LEGAL)

    def _city(self, number: int) -> City:
        name = self.name(2, 4)
        other = name[: max(3, len(name) - 2)] + self.rng.choice(["a", "burg", "ia", "en", "o"])
        if self.rng.random() < 0.3:
            other = self.name(2, 3)
        letters = "".join(word[0] for word in ("University", name, "Technical")).upper()
        administration = (f"City of {name}", f"Stadt {other}", f"{name} City Council")
        university = (f"University of {name}", f"Universität {other}", f"{letters} {name}")
        local = tuple(self._company() for _ in range(25))
        return City(
            f"city-{number}", self.rng.choice(["AT", "ES", "DE", "FR", "KR"]), (name, other),
            tuple(self.name(2, 4) for _ in range(25)),
            tuple(self.name(2, 4) + self.rng.choice(["strasse", " Street", " Road"])
                  for _ in range(40)),
            (administration, university, *local),
        )  # fmt: skip

    def project(self, number: int) -> Project:
        rng = self.rng
        city = rng.choices(self.cities, self.weights)[0]
        organisations = rng.sample(city.organisations, rng.randint(1, 4))
        organisations += rng.sample(self.big, rng.choice([0, 0, 1, 2]))
        acronym = ""
        if rng.random() < 0.4:
            acronym = self.name(2, 3).upper() if rng.random() < 0.7 else rng.choice(
                ["SMART", "GREEN", "CITY", "URBAN", "ECO"]) + self.name(1, 1).upper()  # fmt: skip
        site = ""
        if rng.random() < 0.35:
            site = f"https://www.{(acronym or self.name(3, 4)).lower()}.example.com/"
        words = rng.choice(SUBJECTS), rng.choice(QUALIFIERS), rng.choice(AIMS)
        return Project(
            number, city, words, rng.randrange(5), acronym, self.facts(city, organisations),
            rng.randint(2008, 2024), tuple(organisations), site,
            str(rng.randint(600000, 999999)) if rng.random() < 0.2 else "",
        )  # fmt: skip

    def facts(self, city: City, organisations: Sequence[tuple[str, ...]]) -> dict[str, Any]:
        rng = self.rng
        return {
            "n": rng.randint(5, 3000), "thing": rng.choice(THINGS), "m": rng.randint(2, 30),
            "p": rng.randint(5, 60), "k": rng.randint(20, 900),
            "district": rng.choice(city.districts), "district2": rng.choice(city.districts),
            "street": rng.choice(city.streets), "app": self.name(2, 3) + "App",
            "person": f"{self.name(2, 2)} {self.name(2, 3)}",
            "org": rng.choice(organisations)[0],
        }  # fmt: skip

    # --- projects that look like another ---------------------------------------------------------

    def phase(self, of: Project, number: int) -> Project:
        """The next phase: same title, partners and site, later, with some other facts."""
        facts = {**of.facts, **self._some(self.facts(of.city, of.organisations), 0.4)}
        year = of.year + self.rng.randint(1, 4)
        grant = str(self.rng.randint(600000, 999999)) if of.grant else ""
        return replace(of, number=number, phase=of.phase + 1, facts=facts, year=year, grant=grant)

    def sister(self, of: Project, number: int) -> Project:
        """Another project of the same partners in the same city, with one other word."""
        rng = self.rng
        words = list(of.words)
        changed = rng.choice([0, 0, 2])
        vocabulary = SUBJECTS if changed == 0 else AIMS
        words[changed] = rng.choice([row for row in vocabulary if row is not of.words[changed]])
        kept = ("org", "person", "district")
        facts = self.facts(of.city, of.organisations)
        facts |= {name: of.facts[name] for name in kept if rng.random() < 0.5}
        year = of.year + rng.choice([0, 0, 1])
        site = of.site and f"{of.site}{words[changed][0].replace(' ', '-')}"
        return replace(
            of, number=number, words=(words[0], words[1], words[2]), facts=facts, year=year,
            site=site, grant="", acronym="",
        )  # fmt: skip

    def elsewhere(self, of: Project, number: int) -> Project:
        """The same title in another city, with some of the same partners."""
        rng = self.rng
        city = rng.choice([city for city in self.cities if city is not of.city])
        kept = [org for org in of.organisations if org in self.big]
        organisations = (*kept, *rng.sample(city.organisations, 2))
        facts = {**of.facts, **self.facts(city, organisations), "app": of.facts["app"]}
        site = of.site and f"{of.site}{city.names[0].lower()}"
        return replace(
            of, number=number, city=city, facts=facts, organisations=organisations, site=site,
            year=of.year + rng.randint(-1, 2), grant="",
        )  # fmt: skip

    def _some(self, facts: Mapping[str, Any], share: float) -> dict[str, Any]:
        return {name: value for name, value in facts.items() if self.rng.random() < share}

    # --- a project as one source tells it --------------------------------------------------------

    def told(self, project: Project, record_id: str, noise: Noise) -> dict[str, Any]:
        rng = self.rng
        language = rng.choice([2, 3]) if rng.random() < noise.language else 0
        title = self._title(project, language, noise)
        local = self._title(project, rng.choice([2, 3]), noise) if rng.random() < 0.25 else ""
        year = project.year
        if rng.random() < noise.year_off:
            year += rng.choice([-1, -1, -1, 1, 1, 1, 2, -3])
        name = rng.choice(project.city.names) if rng.random() < 0.5 else project.city.names[0]
        if rng.random() < noise.city_unresolved:
            name = self._misspelt(name) + "x"
        links = [] if rng.random() < noise.no_site else self._links(project)
        grant = "" if rng.random() < noise.no_grant else project.grant
        if grant and rng.random() < 0.5:
            links.append(f"https://cordis.europa.eu/project/id/{grant}")
            grant = ""
        description = "" if rng.random() < noise.no_description else self._text(
            project, language, noise)  # fmt: skip
        if grant:
            description += f" Grant agreement No {grant}."
        return {
            "record_id": record_id,
            "kind": "project" if rng.random() < 0.9 else "living_lab",
            "title": title,
            "local_name": local,
            "description": description.strip(),
            "district": project.facts["district"] if rng.random() < noise.district else "",
            "start": "" if rng.random() < noise.no_year else str(year),
            "keywords": "; ".join(word[0] for word in project.words[:2]),
            "place": None if rng.random() < noise.no_city else (name, project.city.country),
            "organisations": [] if rng.random() < noise.no_organisations else
            self._organisations(project, noise),
            "links": links,
        }  # fmt: skip

    def _title(self, project: Project, language: int, noise: Noise) -> str:
        rng = self.rng
        other = rng.choice([2, 3]) if rng.random() < noise.title_language else 0
        subject, qualifier, aim = (
            row[language or rng.choice([0, other]) or int(rng.random() < noise.reworded / 3)]
            for row in project.words
        )
        district, city = project.facts["district"], rng.choice(project.city.names)
        title = (
            f"{qualifier} {subject} {aim}",
            f"{subject} {district}",
            f"{qualifier} {subject} {city}",
            f"{subject} {aim}",
            f"{city}: {qualifier} {subject} {district}",
        )[project.shape]
        if project.acronym:
            form = rng.random()
            acronym = project.acronym
            title = (
                title if form < noise.reworded / 4
                else acronym if form < noise.reworded / 2 and project.phase == 1
                else f"{acronym}: {title}" if form < 0.8
                else f"{title} ({acronym})"
            )  # fmt: skip
        title = title[0].upper() + title[1:]
        if rng.random() < noise.typing_error:
            title = self._misspelt(title)
        if project.phase > 1 and rng.random() >= noise.no_phase:
            title += rng.choice(PHASES[min(project.phase, 3) - 2])
        return title

    def _text(self, project: Project, language: int, noise: Noise) -> str:
        rng = self.rng
        facts = {**project.facts, "subject": project.words[0][language]}
        if rng.random() < noise.other_account:
            # Another writer found other things worth telling: nothing but the partner recurs.
            fresh = self.facts(project.city, project.organisations)
            facts |= fresh | {"org": project.facts["org"]}
        chosen = rng.sample(FACTS, rng.randint(3, 7))
        if rng.random() < noise.reworded:
            for name, size in (("n", 10), ("k", 50)):
                facts[name] = max(1, round(facts[name] / size)) * size
        said = [
            wordings[language or int(rng.random() < noise.reworded)].format(**facts)
            for wordings in chosen
        ]
        return " ".join(said)

    def _organisations(self, project: Project, noise: Noise) -> list[str]:
        rng = self.rng
        kept = [o for o in project.organisations if rng.random() < 0.85] or project.organisations
        names = [
            rng.choice(forms) if rng.random() < noise.other_spelling else forms[0] for forms in kept
        ]
        return [
            self._misspelt(name) if rng.random() < noise.typing_error / 3 else name
            for name in names
        ]

    def _links(self, project: Project) -> list[str]:
        rng = self.rng
        links = []
        if project.site and rng.random() < 0.7:
            site = project.site
            variants = (site, site.replace("https", "http"), site.replace("www.", ""),
                        site.rstrip("/") + "/about")  # fmt: skip
            links.append(rng.choice(variants))
        if rng.random() < 0.6:
            slug = rng.randrange(10**7)
            links.append(f"https://{rng.choice(PORTALS)}/{project.city.id}/{slug}")
        if rng.random() < 0.2:
            links.append(f"https://{project.city.id}.example.gov/smart/")
        if rng.random() < 0.25:
            # One article often tells of several projects of a city.
            links.append(f"https://news.example.com/{project.city.id}/{rng.choice(ARTICLES)}")
        return links

    def _misspelt(self, text: str) -> str:
        """One letter left out, doubled, swapped with the next or replaced."""
        if len(text) < 4:
            return text
        rng = self.rng
        at = rng.randrange(1, len(text) - 1)
        return rng.choice((
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + rng.choice(string.ascii_lowercase) + text[at + 1 :],
        ))  # fmt: skip


FIRST_TELLING = Noise(
    typing_error=0.05, title_language=0.05, language=0.05, no_year=0.1, year_off=0.0,
    no_organisations=0.1, other_spelling=0.1, no_site=0.3, no_description=0.05, no_city=0.02,
    city_unresolved=0.02, no_grant=0.2, no_phase=0.01, other_account=0.0,
)  # fmt: skip


def linkage_corpus(
    records: int,
    *,
    seed: int,
    duplicates: float = 0.1,
    alike: float = 0.03,
    noise: Noise = Noise(),
) -> LinkageCorpus:
    """A corpus of so many records, of which shares tell of a known project or only look like one.

    The same arguments give the same corpus.
    """
    writer = Writer(seed, cities=max(20, records // 200))
    rng = writer.rng
    second, similar = round(records * duplicates), round(records * alike)
    projects = [writer.project(n) for n in range(records - second - similar)]
    looks_alike = set()
    for number in range(len(projects), records - second):
        of = projects[rng.randrange(len(projects))]
        make = (writer.phase, writer.sister, writer.elsewhere)[number % 3]
        projects.append(make(of, number))
        looks_alike.add((of.number, number))
    tellings = [(project, FIRST_TELLING) for project in projects]
    tellings += [(projects[rng.randrange(len(projects))], noise) for _ in range(second)]
    rng.shuffle(tellings)
    rows = [writer.told(project, f"r{n:06d}", how) for n, (project, how) in enumerate(tellings)]
    return LinkageCorpus(
        tables_of(rows),
        {(name, c.country): c.id for c in writer.cities for name in c.names},
        {
            row["record_id"]: project.number
            for row, (project, _) in zip(rows, tellings, strict=True)
        },
        frozenset(looks_alike),
    )


def tables_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.Table]:
    """Rows as the tables of `Ledger.facts` that tell of records; what a row lacks is empty."""

    def table(columns: str, given: list[tuple[Any, ...]]) -> pa.Table:
        names = columns.split()
        values = list(zip(*given, strict=True)) if given else [()] * len(names)
        types = {"ord": pa.int64()}
        return pa.table(
            {n: pa.array(v, types.get(n, pa.string())) for n, v in zip(names, values, strict=True)}
        )

    fields = "record_id kind title local_name description district start end keywords lead"
    told = [tuple(row.get(name, "") for name in fields.split()) for row in rows]
    places = [(r["record_id"], 0, *r["place"]) for r in rows if r.get("place")]
    return {
        "records": table(fields, told),
        "places": table("record_id ord name country", places),
        "organisations": table(
            "record_id ord name",
            [
                (r["record_id"], n, o)
                for r in rows
                for n, o in enumerate(r.get("organisations", ()))
            ],
        ),
        "links": table(
            "record_id ord url",
            [(r["record_id"], n, u) for r in rows for n, u in enumerate(r.get("links", ()))],
        ),
    }
