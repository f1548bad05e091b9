"""What the documentation claims to be tested is tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
DEFINED = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "least"), [("security.md", 20), ("gitops.md", 7), ("reliability.md", 24), ("observability.md", 7)]
)
def test_every_test_that_a_page_names_exists(page: str, least: int) -> None:
    named = set(re.findall(r"`(test_\w+)`", (TOP / "docs" / page).read_text()))
    defined = {name for file in (TOP / "tests").rglob("test_*.py") for name in DEFINED.findall(file.read_text())}

    assert named - defined == set()
    assert len(named) >= least


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    pages = [TOP / "README.md", TOP / "charts" / "nightsort" / "README.md", *(TOP / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())]

    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
