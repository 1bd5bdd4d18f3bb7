"""Which city a spelling means, and where it lies on the map."""

import csv
import json
import os
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innovatory.errors import GazetteerError
from innovatory.gazetteer import City, Gazetteer
from innovatory.gazetteer.cityfile import FILES, FOLDER, CityFile, distance_km
from innovatory.gazetteer.placenames import name_key
from innovatory.gazetteer.projection import equal_earth, world_map
from innovatory.records import valid_id

SHARED = Path(os.environ.get("INNOVATORY_SHARED", Path(__file__).parents[2] / "shared"))
CORDIS = SHARED / "data" / "cordis" / "organizations.csv"
CORPUS = FOLDER.parent / "corpus" / "records.jsonl"
PANEL = [
    *("amsterdam-nl", "barcelona-es", "berlin-de", "brisbane-au", "brussels-be"),
    *("busan-kr", "chicago-us", "copenhagen-dk", "dubai-ae", "dublin-ie"),
    *("helsinki-fi", "incheon-kr", "lisbon-pt", "london-gb", "los-angeles-us"),
    *("madrid-es", "moscow-ru", "new-york-us", "osaka-jp", "paris-fr"),
    *("san-francisco-us", "santiago-cl", "seoul-kr", "shanghai-cn", "shenzhen-cn"),
    *("singapore-sg", "stockholm-se", "sydney-au", "taipei-tw", "tokyo-jp"),
    *("vienna-at",),
]
MEANT = {
    "vienna-at": [
        *("Wien", "WIEN", "Vienna (AT)", "Vienna, Austria", "Becs", "빈", "Wenen", "1010 Wien"),
        *("Seestadt Aspern", "Stadt Wien", "A-1010 Wien"),
    ],
    "brussels-be": [
        *("BRUXELLES / BRUSSEL", "Bruxelles/Brussel", "Ixelles", "Elsene", "1050 Bruxelles"),
        *("Schaerbeek", "Brussels-Capital Region", "Molenbeek"),
    ],
    "munich-de": ["MUNCHEN", "MÜNCHEN", "Muenchen", "Landeshauptstadt München"],
    "cologne-de": ["Koeln", "Köln", "KOLN"],
    "geneva-ch": ["GENEVE 23", "Genève"],
    "paris-fr": ["PARIS CEDEX 15", "75013 Paris", "Paris", "Ville de Paris", "Paris, France"],
    "seoul-kr": ["서울", "서울특별시", "Seoul Metropolitan Government", "Gangnam"],
    "busan-kr": ["부산광역시", "Pusan"],
    "incheon-kr": ["Songdo", "송도"],
    "new-york-us": ["NYC", "New York City", "New York", "New York, NY", "Brooklyn", "Manhattan"],
    "mexico-city-mx": ["CDMX", "Ciudad de México"],
    "tokyo-jp": ["東京", "東京都", "Shibuya"],
    "osaka-jp": ["大阪市"],
    "taipei-tw": ["台北", "Taipei City"],
    "liege-be": ["Luik", "Liège"],
    "the-hague-nl": ["'s-Gravenhage", "Den Haag"],
    "washington-us": ["Washington DC", "Washington, D.C."],
    "paris-us": ["Paris, Texas", "Paris TX"],
    "london-ca": ["London (Ontario)", "London, CA"],
    "cambridge-us": ["Cambridge, MA", "Cambridge, MA, USA", "Cambridge (Massachusetts)"],
    "sydney-au": ["City of Sydney", "Sydney", "Tech Central"],
    "copenhagen-dk": ["Københavns kommune", "KOBENHAVN", "Copenhagen"],
    "stockholm-se": ["Stockholms stad", "SE-111 52 Stockholm"],
    "berlin-de": ["Kreuzberg", "Kreuzberg, Berlin", "Berlin", "D-10115 Berlin"],
    "st-gallen-ch": ["St. Gallen", "Sankt Gallen"],
    "singapore-sg": ["Singapore", "Punggol"],
    "moscow-ru": ["Москва"],
    "athens-gr": ["Αθήνα"],
    "cairo-eg": ["القاهرة"],
    "abu-dhabi-ae": ["Masdar City"],
}
MEANT_IN = [
    ("ATHINA", "EL", "athens-gr"),
    ("ATHINA", "GR", "athens-gr"),
    ("ATHINA", "GRC", "athens-gr"),
    ("LONDON", "UK", "london-gb"),
    ("London", "Canada", "london-ca"),
    ("Vienne", "FR", "vienne-fr"),
    ("Vienne", "AT", "vienna-at"),
    ("Cologne", "IT", "cologne-it"),
    ("Salamanca", "ES", "salamanca-es"),
    ("Valencia", "ES", "valencia-es"),
    ("Santiago", "Chile", "santiago-cl"),
    ("KOBENHAVN K", "DK", "copenhagen-dk"),
    ("FIRENZE FI", "IT", "florence-it"),
    ("BRA", "IT", "bra-it"),
    ("Andorra", "ES", "andorra-es"),
    ("OAKLAND CA", "US", "oakland-us"),
    ("KALLITHEA ATHINA", "EL", "kallithea-gr"),
    ("DERIO  BIZKAIA", "ES", "derio-es"),
    ("LA", "US", "los-angeles-us"),
]
AMBIGUOUS = [
    *("Santiago", "Birmingham", "Valencia", "San Jose", "Cambridge", "Cordoba", "Vienne"),
    *("Bienne", "Westminster", "Camden", "Springfield", "Hyderabad", "Tripoli"),
]
NO_CITIES = [
    *("Smart City", "EU", "Europe", "Remote", "Global", "Worldwide", "N/A", "various cities"),
    *("Germany", "Korea", "Mexico", "Georgia", "California", "Ontario", "Deutschland", "USA"),
]


@pytest.fixture(scope="module")
def cities() -> Gazetteer:
    """The shipped list."""
    return Gazetteer.load()


def the_id(cities: Gazetteer, name: str, country: str = "") -> str:
    """The id that a spelling resolves to, or '' with the reason lost."""
    city = cities.resolve(name, country).city
    return city.id if city else ""


@pytest.mark.parametrize(("city_id", "name"), [(c, n) for c, names in MEANT.items() for n in names])
def test_spellings_of_one_city(cities: Gazetteer, city_id: str, name: str) -> None:
    """Spellings, languages, scripts, postcodes, offices and districts lead to the city."""
    assert the_id(cities, name) == city_id


@pytest.mark.parametrize(("name", "country", "city_id"), MEANT_IN)
def test_spellings_with_a_country(cities: Gazetteer, name: str, country: str, city_id: str) -> None:
    """A country, by any of its codes or its name, decides between cities of one name."""
    assert the_id(cities, name, country) == city_id


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_names_stay_open(cities: Gazetteer, name: str) -> None:
    """A name that several cities may mean is left open, and the candidates are listed."""
    outcome = cities.resolve(name)
    assert outcome.city is None
    assert outcome.reason.startswith("ambiguous: ")
    assert ", " in outcome.reason


@pytest.mark.parametrize("name", NO_CITIES)
def test_what_is_no_city(cities: Gazetteer, name: str) -> None:
    """Countries, states, continents and slogans are no cities."""
    assert cities.resolve(name).reason == "not the name of a city"


@pytest.mark.parametrize(
    ("name", "country", "reason"),
    [
        ("", "", "empty"),
        (" -- ", "AT", "empty"),
        ("Wien", "Neverland", "unknown country: 'Neverland'"),
        ("Wien", "DE", "not in the gazetteer for DE; elsewhere: Vienna (AT)"),
        ("Vienna (AT)", "DE", "'at' contradicts the country or state given beside it"),
        ("Paris, Texas", "FR", "'texas' contradicts the country or state given beside it"),
        (
            "Vienna, Fooland",
            "",
            "'fooland' is no known country, state or city; give a country",
        ),
        ("Rotterdam / The Hague", "NL", "several cities: Rotterdam (NL), The Hague (NL)"),
        ("../../etc/passwd", "", "not in the gazetteer"),
        ("<b>Wien</b>x", "", "not in the gazetteer"),
        ("x" * 121, "", "longer than 120 characters: not the name of a city"),
    ],
)
def test_reasons(cities: Gazetteer, name: str, country: str, reason: str) -> None:
    """What stays open says why."""
    outcome = cities.resolve(name, country)
    assert (outcome.city, outcome.reason) == (None, reason)


def test_likeness_never_decides(cities: Gazetteer) -> None:
    """Misspelt names stay open instead of meeting the nearest name."""
    assert [the_id(cities, name) for name in ("Viena Austira", "Barcelonna", "Seouul")] == [""] * 3


def test_the_panel(cities: Gazetteer) -> None:
    """Every city of the 2022 panel is there, with its place, people and local name."""
    panel = [cities.city(city_id) for city_id in PANEL]
    assert all(city and city.population and city.country_name for city in panel)
    assert all(city and cities.resolve(city.name, city.country).city == city for city in panel)
    assert all(
        city and cities.resolve(city.local_name, city.country).city == city for city in panel
    )
    names = {city.id: city.local_name for city in panel if city}
    assert names["seoul-kr"] == "서울"
    assert names["moscow-ru"] == "Москва"
    assert names["vienna-at"] == "Wien"
    open_without_country = {c.id for c in panel if c and cities.resolve(c.name).city != c}
    assert open_without_country == {"barcelona-es", "santiago-cl"}


def test_ids(cities: Gazetteer) -> None:
    """Ids are valid, unique, lead back to their city, and mark the smaller of one name."""
    shipped = CityFile()
    for code in ("US", "FR", "KR", "MV"):
        names, own = shipped._places(code)[0], shipped._places(code)[6]
        found = [shipped._place(code, row)[0] for row in range(len(names))]
        assert len({city.id for city in found}) == len(found)
        assert all(valid_id(city.id) and city.country == code for city in found)
        assert all(cities.city(city.id) == city for city in found[:200])
        assert len(own) == len(names)
    springfields = cities.resolve("Springfield", "US")
    assert "springfield-us-4250542" in springfields.reason
    assert cities.city("atlantis-gr") is None
    assert cities.city("") is None
    assert cities.city("x-zz") is None


def test_every_override_names_a_city(cities: Gazetteer) -> None:
    """No shipped override leads nowhere or to another country than its own."""
    for key, overrides in CityFile().overrides.items():
        for override in overrides:
            city = cities.city(override.city_id)
            assert city is not None, key
            assert override.country == city.country, key


def test_own_cities_and_signed_overrides(cities: Gazetteer) -> None:
    """An observatory's own cities and spellings come before the shipped list."""
    own = City("city-01", "City 01", "", None, None, None)
    aliases = {"Barcelona": "barcelona-es", "Chip Town, US": "san-jose-us", "Wien": "city-01"}
    more = cities.extended([own], aliases)
    assert the_id(more, "city 01") == "city-01"
    assert the_id(more, "City 01", "Country 01") == "city-01"
    assert the_id(more, "Barcelona") == "barcelona-es"
    assert the_id(more, "Barcelona", "VE") == "barcelona-ve"
    assert (the_id(more, "Chip Town", "US"), the_id(more, "Chip Town")) == (
        "san-jose-us",
        "",
    )
    assert the_id(more, "Wien") == "city-01"
    assert more.city("city-01") == own
    assert more.version.startswith(cities.version + "+")
    assert more.version != cities.extended([own]).version
    assert the_id(more.extended(aliases={"Home": "city-01"}), "home") == "city-01"


def test_an_alias_to_nowhere_is_refused(cities: Gazetteer) -> None:
    """An override to a city that is not there names itself and the next step."""
    with pytest.raises(
        GazetteerError, match=r"alias 'Wien': there is no city 'wien-at'; use an id"
    ):
        cities.extended(aliases={"Wien": "wien-at"})


def test_damaged_files(tmp_path: Path) -> None:
    """A missing or damaged file is named, with the next step."""
    for name in FILES:
        shutil.copy(FOLDER / name, tmp_path / name)
    assert CityFile(tmp_path).version == CityFile().version
    (tmp_path / "not_cities.txt").write_text("another\n")
    assert CityFile(tmp_path).version != CityFile().version
    (tmp_path / "places.zip").write_bytes(b"PK no archive")
    with pytest.raises(GazetteerError, match=r"places\.zip: is damaged .*install innovatory again"):
        CityFile(tmp_path)
    (tmp_path / "places.zip").unlink()
    with pytest.raises(GazetteerError, match=r"places\.zip: cannot be read"):
        CityFile(tmp_path)


COUNTRIES = sorted(CityFile().country_names)
NAMES = [name for names in MEANT.values() for name in names] + AMBIGUOUS + NO_CITIES


@given(st.sampled_from(NAMES) | st.text(max_size=30), st.sampled_from(COUNTRIES))
@settings(max_examples=150, deadline=None)
def test_never_another_country(name: str, country: str) -> None:
    """Whatever the text, a given country is kept to, and an open outcome has a reason."""
    outcome = Gazetteer.load().resolve(name, country)
    assert outcome.city is None or outcome.city.country == country
    assert (outcome.city is None) == bool(outcome.reason)


@given(st.text(max_size=40))
@settings(deadline=None)
def test_keys_are_settled(text: str) -> None:
    """The key of a key is that key, and case does not matter."""
    key = name_key(text)
    assert name_key(key) == key
    assert name_key(text.casefold()) == key


def test_the_shipped_corpus(cities: Gazetteer) -> None:
    """Each city of the shipped corpus resolves to the panel's city of that name."""
    if not CORPUS.exists():
        pytest.skip("the corpus is not in the package")
    seen = {
        (record["city"], record["country"])
        for record in map(json.loads, CORPUS.read_text(encoding="utf-8").splitlines())
    }
    assert {the_id(cities, *pair) for pair in seen} == set(PANEL)
    assert all(r and r.name == name for name, c in seen for r in [cities.resolve(name, c).city])


def test_cordis_participants(cities: Gazetteer) -> None:
    """Most CORDIS participants' cities resolve, and lie where the file's own coordinates say."""
    if not CORDIS.exists():
        pytest.skip("the CORDIS participants are not here; set INNOVATORY_SHARED")
    with CORDIS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {(r["city"], r["country"]): None for r in rows}
    found = {pair: cities.resolve(*pair).city for pair in found}
    assert sum(found[r["city"], r["country"]] is not None for r in rows) / len(rows) > 0.955
    assert sum(city is not None for city in found.values()) / len(found) > 0.89
    # Where the file knows no city it puts the centre of the country; such points check nothing.
    centres = {r["geolocation"] for r in rows if not r["city"]} | {""}
    checked = [
        r for r in rows if found[r["city"], r["country"]] and r["geolocation"] not in centres
    ]
    near = 0
    for row in checked:
        lat, lon = map(float, row["geolocation"].split(","))
        city = found[row["city"], row["country"]]
        assert city is not None
        near += distance_km(city, City("", "", "", lat, lon, None)) < 50
    assert len(checked) > 7000
    assert near / len(checked) > 0.95


# Latitude, longitude, x, y as `node make_map.mjs --checks` prints them.
PIXELS = [
    (0, 0, 480.0001, 235.9227),
    (37.566, 126.978, 790.364, 103.7084),
    (40.714, -74.006, 302.5551, 93.6773),
    (-33.869, 151.207, 857.1849, 356.048),
    (-33.457, -70.648, 303.3945, 354.6817),
    (48.208, 16.372, 517.227, 70.933),
    (64.147, -21.943, 436.9425, 29.6071),
    (-54.807, -68.307, 333.0773, 419.3575),
    (1.29, 103.85, 762.1806, 231.2001),
    (-17.713, 178.065, 952.8987, 300.229),
]


@pytest.mark.parametrize(("lat", "lon", "x", "y"), PIXELS)
def test_pixels_are_those_of_the_outlines(lat: float, lon: float, x: float, y: float) -> None:
    """A dot falls where d3-geo, which drew the outlines, puts it."""
    assert equal_earth(lat, lon) == pytest.approx((x, y), abs=1e-3)


@pytest.mark.parametrize(("lat", "lon"), [(91, 0), (0, 181), (float("nan"), 0)])
def test_places_off_the_globe(lat: float, lon: float) -> None:
    """Coordinates that are no degrees are refused."""
    with pytest.raises(ValueError, match="not degrees on the globe"):
        equal_earth(lat, lon)


def test_the_outlines() -> None:
    """The map is small, keeps to its frame, and no line runs across it at the date line."""
    world = world_map()
    assert (world.width, len({o.id for o in world.outlines})) == (960, len(world.outlines))
    assert {"KOR", "AUT", "UKR", "PSE", "ESH"} <= {o.id for o in world.outlines}
    assert "ATA" not in {o.id for o in world.outlines}
    assert (FOLDER.parent / "map" / "world.json").stat().st_size < 90_000
    for outline in world.outlines:
        for ring in outline.d.split("M")[1:]:
            points = [tuple(map(int, p.split(","))) for p in ring.rstrip("Z").split("L")]
            assert all(0 <= x <= world.width and 0 <= y <= world.height for x, y in points)
            steps = [abs(a[0] - b[0]) for a, b in pairwise(points)]
            assert max(steps, default=0) < 100, outline.id


def test_panel_cities_lie_on_the_map(cities: Gazetteer) -> None:
    """All cities of the panel fall inside the frame."""
    world = world_map()
    for city_id in PANEL:
        city = cities.city(city_id)
        assert city and city.lat is not None and city.lon is not None
        x, y = equal_earth(city.lat, city.lon)
        assert 0 < x < world.width and 0 < y < world.height
