"""The machine's Chromium, without a window: opens pages, and keeps what they ask for and complain about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.parts import need

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = 1200, 390
"""Widths in CSS pixels."""
HEIGHT = 900
Scheme = Literal["light", "dark"]
Colour = Literal["backgroundColor", "color"]
Medium = Literal["screen", "print"]


@dataclass(frozen=True)
class Opened:
    """A page that is open. `asked` are the addresses of its requests, `complaints` its errors and console's words."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def width(self) -> int:
        """The width of the content in CSS pixels; more than the window's means horizontal scrolling."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def colour(self, name: Colour) -> str:
        return str(self.page.evaluate(f"getComputedStyle(document.body).{name}"))

    def violations(self) -> Sequence[str]:
        """The rules of accessibility that the page breaks, by axe-core's ids, each with the first place."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['target']}" for one in found]


def program() -> str:
    """The path of the machine's Chromium; a test without one ends here."""
    return need(*NAMES)


@contextmanager
def chromium() -> Iterator[Browser]:
    """It ends with the block, with all its processes."""
    with sync_playwright() as driver, driver.chromium.launch(executable_path=program()) as browser:
        yield browser


@contextmanager
def opened(
    browser: Browser, file: Path, *, width: int = DESKTOP, scheme: Scheme = "light", medium: Medium = "screen"
) -> Iterator[Opened]:
    """A file as a person opens it, once everything that it asks for is there."""
    with browser.new_context(viewport={"width": width, "height": HEIGHT}, color_scheme=scheme) as context:
        page = context.new_page()
        page.emulate_media(media=medium)
        one = Opened(page)
        page.on("request", lambda request: one.asked.append(request.url))
        page.on("console", lambda message: one.complaints.append(message.text))
        page.on("pageerror", lambda error: one.complaints.append(str(error)))
        page.goto(file.as_uri(), wait_until="load")
        yield one
