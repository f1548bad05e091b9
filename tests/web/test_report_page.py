"""The page of a report in a real browser, as people open it: in the light, in the dark, on a phone and on paper."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from nightsort.report.evaluation import evaluation_page
from nightsort.report.page import page_of
from tests.local.shell import run
from tests.support.evaluations import evaluated
from tests.support.reports import crowded_report, report
from tests.support.waiting import eventually
from tests.web.browser import DESKTOP, PHONE, Colour, Opened, Scheme, chromium, opened, program

TOP = Path(__file__).parents[2]
PAGES = ("classified", "small", "crowded", "evaluated", "wide")
LINES = (
    "cell => { const all = document.createRange(); all.selectNodeContents(cell); return all.getClientRects().length }"
)
WHITE, BLACK = "rgb(255, 255, 255)", "rgb(0, 0, 0)"


@pytest.fixture(scope="module")
def browser(pages: Path) -> Iterator[Browser]:
    """Started after the pages are made: its driver keeps an event loop of its own running in this thread."""
    before = processes()
    with chromium() as started:
        yield started
    eventually(lambda: processes() <= before)


def processes() -> set[str]:
    """All processes below this one, by id."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[stat.parent.name] = stat.read_text().rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    below = {str(os.getpid())}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return below


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page that classify has written, and two that are made of given figures."""
    program()
    folder = tmp_path_factory.mktemp("pages")
    tickets = folder / "tickets.csv"
    tickets.write_bytes((TOP / "examples" / "tickets.csv").read_bytes())
    categories = ("--categories-file", str(TOP / "examples" / "categories.yaml"))
    place = ("--state", str(folder / "state"), "--report", str(folder / "classified.html"))
    assert run("classify", str(tickets), *categories, *place, "--simulate", env={}).code == 0
    (folder / "small.html").write_text(page_of(report()))
    (folder / "crowded.html").write_text(page_of(crowded_report()))
    (folder / "evaluated.html").write_text(evaluation_page(evaluated("billing", "account", "other")))
    (folder / "wide.html").write_text(
        evaluation_page(evaluated(*(f"a_category_with_a_long_name_{n}" for n in range(24))))
    )
    return folder


@pytest.fixture(params=PAGES)
def file(request: pytest.FixtureRequest, pages: Path) -> Path:
    return pages / f"{request.param}.html"


def written(folder: Path, body: str) -> Path:
    """A page that nobody should make."""
    file = folder / "bad.html"
    file.write_text(f"<!doctype html><html><head><title>bad</title></head><body>{body}</body></html>")
    return file


# --- what the browser finds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_accessible_complains_of_nothing_and_asks_for_itself_alone(
    browser: Browser, file: Path, scheme: Scheme, width: int
) -> None:
    with opened(browser, file, width=width, scheme=scheme) as seen:
        assert seen.violations() == []
        assert seen.complaints == []
        assert seen.asked == [file.as_uri()]


def test_a_page_fits_a_phone_without_horizontal_scrolling(browser: Browser, file: Path) -> None:
    with opened(browser, file, width=PHONE) as seen:
        assert seen.width() == PHONE


def test_the_dark_is_dark_and_paper_is_white_in_the_dark_too(browser: Browser, pages: Path) -> None:
    file = pages / "small.html"
    with opened(browser, file) as light, opened(browser, file, scheme="dark") as dark:
        assert light.colour("backgroundColor") == WHITE
        assert brightness(dark, "backgroundColor") < 100 < 600 < brightness(dark, "color")
    with opened(browser, file, scheme="dark", medium="print") as paper:
        assert (paper.colour("backgroundColor"), paper.colour("color")) == (WHITE, BLACK)
        assert paper.violations() == []


def test_a_page_prints_on_every_sheet_within_its_width_with_its_totals_once(browser: Browser, file: Path) -> None:
    a4_between_margins = 680
    with opened(browser, file, width=a4_between_margins, medium="print") as seen:
        assert seen.width() == a4_between_margins
        feet = seen.page.eval_on_selector_all("tfoot", "all => all.map(one => getComputedStyle(one).display)")
        assert set(feet) == {"table-row-group"}, "a footer would stand on every sheet"
        assert seen.page.pdf(format="A4").startswith(b"%PDF-")


def test_words_that_are_no_ids_are_not_broken_on_a_phone(browser: Browser, pages: Path) -> None:
    with opened(browser, pages / "crowded.html", width=PHONE) as seen:
        heights = seen.page.eval_on_selector_all(
            "thead th, td.word", f"cells => cells.filter(cell => !cell.textContent.includes(' ')).map({LINES})"
        )
        assert len(heights) > 100
        assert set(heights) <= {0, 1}, "0 for what a phone leaves out"


def brightness(seen: Opened, name: Colour) -> int:
    """Red, green and blue together, 0 to 765."""
    return sum(map(int, seen.colour(name).removeprefix("rgb(").removesuffix(")").split(",")))


# --- what it would find -----------------------------------------------------------------------------------------------


def test_a_page_that_loads_or_fails_or_is_too_wide_or_cannot_be_read_would_be_found(
    browser: Browser, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    body = (
        f"<img src='{picture.as_uri()}'><script>console.error('wrong'); unknown()</script>"
        "<p style='width: 500px; color: #ddd; background: #fff'>pale</p>"
    )
    with opened(browser, written(tmp_path, body), width=PHONE) as seen:
        assert picture.as_uri() in seen.asked
        assert "wrong" in seen.complaints
        assert "unknown is not defined" in seen.complaints
        assert seen.width() > PHONE
        rules = {one.partition(":")[0] for one in seen.violations()}
        assert {"color-contrast", "image-alt", "html-has-lang"} <= rules


def test_the_policy_of_a_page_keeps_a_browser_from_loading_what_would_get_into_it(
    browser: Browser, pages: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    file = tmp_path / "injected.html"
    text = (pages / "small.html").read_text()
    file.write_text(
        text.replace("</body>", f"<img src='{picture.as_uri()}'><script>document.title = 'ran'</script></body>")
    )

    with opened(browser, file) as seen:
        assert seen.page.title() == "Labels of tickets.csv"
        assert len([one for one in seen.complaints if "Content Security Policy" in one]) == 2
