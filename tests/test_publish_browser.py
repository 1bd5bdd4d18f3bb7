"""The site in a browser, opened from files as a reader of a USB stick would."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from innovatory.publish import publish
from test_publish_edition import HOSTILE, small_edition

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
PAGES = (
    "index.html#editions", "2022/index.html", "2022/cities.html", "2022/cities/vienna-at.html",
    "2022/records.html", "2022/records/bus.html", "2022/claims/transport-share.html",
    "2022/claims/leaders.html", "2022/tables.html", "2022/tables/by_sector.html",
    "2022/tables/by_city.html",
    "2022/tables/sector_by_goal.html", "2022/changes.html", "2022/disputes.html",
    "2022/method.html", "2022/codebook.html", "2022/data.html",
)  # fmt: skip
SCREENS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a site of synthetic, hostile data."""
    place = tmp_path_factory.mktemp("browser")
    folder = small_edition(place / "2022", hostile=HOSTILE, synthetic=True)
    publish([folder], place / "site", title="Test cities")
    return (place / "site").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium, headless."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).exists() or not shutil.which(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not installed")
    with api.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def opened(browser: Any, *, width: int = 1280, scheme: str = "light") -> tuple[Any, list[str]]:
    """A page of that width and colour scheme, and the list that its complaints go to."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(5000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on(
        "request",
        lambda request: request.url.startswith("file:") or complaints.append(request.url),
    )
    return page, complaints


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_pages_fit_the_screen_without_complaint(
    site: str, browser: Any, width: int, scheme: str
) -> None:
    """No page is wider than the screen, asks for anything outside, or writes to the console."""
    page, complaints = opened(browser, width=width, scheme=scheme)
    for path in PAGES:
        page.goto(f"{site}/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("document.styleSheets.length") == 1, path
        size = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
        assert size >= 16, path
        banner = page.locator(".synthetic")
        assert banner.is_visible(), path
    assert complaints == []
    page.context.close()


def test_no_page_has_an_accessibility_violation(site: str, browser: Any) -> None:
    """axe finds nothing on any kind of page, wide and light as well as narrow and dark."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing"
    ).Axe()
    found = []
    for width, scheme, paths in ((1280, "light", PAGES), (390, "dark", PAGES[1:6])):
        page, _ = opened(browser, width=width, scheme=scheme)
        for path in paths:
            page.goto(f"{site}/{path}")
            for violation in axe.run(page).response["violations"]:
                where = [node["target"] for node in violation["nodes"][:3]]
                found.append((path, scheme, violation["id"], where))
        page.context.close()
    assert found == []


def test_filters_stand_in_the_address(site: str, browser: Any) -> None:
    """A link with filters shows those records; choosing others changes the address and count."""
    page, complaints = opened(browser)
    page.goto(f"{site}/2022/records.html#kind=project&sector=environment")
    shown = page.locator("table.filtered tbody tr:visible")
    assert shown.count() == 2
    status = page.locator(".count")
    assert status.inner_text() == "2 records: 1 by all their coders, 1 disputed"
    assert status.get_attribute("aria-live") == "polite"
    page.select_option("select[name=city]", "graz-at")
    assert shown.count() == 1 and status.inner_text() == "1 record"
    assert re.search(r"#kind=project&city=graz-at&sector=environment$", page.url)
    page.fill("input[name=words]", "no such words")
    assert status.inner_text() == "0 records" and "words=no+such+words" in page.url
    page.click("button[type=reset]")
    page.wait_for_function("document.querySelector('.count').textContent === '3 records'")
    assert "#" not in page.url
    page.evaluate("location.hash = 'value=yes'")
    page.wait_for_function("document.querySelector('.count').textContent === '1 record'")
    assert page.locator("form.filters details").get_attribute("open") is not None
    assert complaints == []
    page.context.close()


def test_columns_sort_by_number_and_say_so(site: str, browser: Any) -> None:
    """A button in the heading sorts the rows and tells the direction to a screen reader."""
    page, _ = opened(browser)
    page.goto(f"{site}/2022/records.html")
    heading = page.locator("table.filtered thead th").first
    first = page.locator("table.filtered tbody tr th").first
    assert first.inner_text().startswith("Bus")
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert first.inner_text().startswith("Lab")
    page.context.close()


def test_a_quote_leads_to_the_words_and_back(site: str, browser: Any) -> None:
    """Anchors work without script; with it a quote cut into pieces is lit as a whole."""
    page, _ = opened(browser)
    page.goto(f"{site}/2022/records/bus.html")
    page.locator("#a-sector-1 .quote a").focus()
    lit = page.locator("mark.lit").all_inner_texts()
    assert "".join(lit) == "smart buses on a lane"
    page.locator("#a-sector-1 .quote a").click()
    assert page.url.endswith("#q2") or page.url.endswith("#q3")
    page.context.close()


def test_the_opening_page_forwards_to_the_newest_edition(site: str, browser: Any) -> None:
    """Opening the site opens its newest edition; asking for the list of editions does not."""
    page, _ = opened(browser)
    page.goto(f"{site}/index.html")
    page.wait_for_url("**/2022/index.html")
    page.goto(f"{site}/index.html#editions")
    assert page.url.endswith("#editions")
    page.context.close()


def test_pages_say_the_same_without_script(site: str, browser: Any) -> None:
    """Without script the list is a plain table and no dead controls are shown."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/2022/records.html")
    assert page.locator("table.filtered tbody tr").count() == 3
    assert not page.locator("form.filters").is_visible()
    assert page.locator("thead button").count() == 0
    context.close()


def test_the_banner_is_printed(site: str, browser: Any) -> None:
    """Print keeps the banner and drops what only a screen can use."""
    page, _ = opened(browser)
    page.emulate_media(media="print")
    page.goto(f"{site}/2022/records.html")
    assert page.locator(".synthetic").is_visible()
    assert not page.locator("nav").is_visible() and not page.locator("form").is_visible()
    page.context.close()
