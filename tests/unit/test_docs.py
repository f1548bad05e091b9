"""What the documentation claims to be tested is tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nightsort.adapters.anthropic import bounded_client
from nightsort.adapters.anthropic import results as anthropic_results
from nightsort.adapters.sql import session as databases

TOP = Path(__file__).resolve().parents[2]
DEFINED = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "least"),
    [("security.md", 20), ("gitops.md", 7), ("reliability.md", 24), ("observability.md", 7), ("files.md", 5)],
)
def test_every_test_that_a_page_names_exists(page: str, least: int) -> None:
    named = set(re.findall(r"`(test_\w+)`", (TOP / "docs" / page).read_text()))
    defined = {name for file in (TOP / "tests").rglob("test_*.py") for name in DEFINED.findall(file.read_text())}

    assert named - defined == set()
    assert len(named) >= least


def test_the_limits_that_pages_promise_are_those_of_the_code() -> None:
    """Tests of what happens beyond a limit lower it, and would not notice that it had gone up."""
    security, performance = ((TOP / "docs" / page).read_text() for page in ("security.md", "performance.md"))
    mebibyte = 1024 * 1024

    assert "every answer but results ends at 4 MiB unpacked and after five minutes" in security
    assert bounded_client.MOST_ANSWER_BYTES / mebibyte == 4
    assert bounded_client.MOST_ANSWER_SECONDS / 60 == 5
    assert "a line of more than 16 MiB is an error of its ticket alone" in security
    assert anthropic_results.MOST_LINE_BYTES / mebibyte == 16
    assert "A statement that waits 30 s for a lock gives up" in performance
    assert databases.LOCK_SECONDS == 30


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    pages = [*TOP.glob("*.md"), TOP / "charts" / "nightsort" / "README.md", *(TOP / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())]

    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
