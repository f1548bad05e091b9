"""The page of an evaluation: well formed, with figures that add up, whatever categories are called."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightsort.report.document import MARK
from nightsort.report.evaluation import evaluation_page
from tests.support.evaluations import SUPPORT, evaluated
from tests.support.pages import KNOWN_TAGS, LOADING, Parsed

NAMES = ("billing", "account", "other")


@pytest.fixture(scope="module")
def page() -> Parsed:
    return Parsed(evaluation_page(evaluated(*NAMES)))


def test_it_begins_as_a_report_does_and_has_nothing_that_loads(page: Parsed) -> None:
    assert evaluation_page(evaluated(*NAMES)).startswith(MARK)
    assert set(page.tags) <= KNOWN_TAGS
    assert not LOADING & {name for name, _ in page.attributes}
    assert "a <b>model</b>" in page.text


def test_readers_stand_side_by_side_and_their_figures_add_up(page: Parsed) -> None:
    _, first, second = page.tables[0]
    assert first[1:6] == ["36", "36", "0", "0", "100.0%"]
    assert second[1:6] == ["36", "24", "9", "3", "66.7%"]
    assert second[7] == "0.5000"
    assert "is more accurate than another" in page.text


def test_the_matrix_has_each_known_ticket_once(page: Parsed) -> None:
    matrix = page.tables[-1]
    assert matrix[0] == ["known category", "1", "2", "3", "none", "sum"]
    *rows, sums = [[int(cell or 0) for cell in row[1:]] for row in matrix[1:]]
    assert rows[0] == [8, 3, 0, 1, SUPPORT]
    assert [sum(column) for column in zip(*rows, strict=True)] == sums
    assert all(sum(row[:-1]) == row[-1] == SUPPORT for row in rows)


def test_confusions_and_categories_add_up(page: Parsed) -> None:
    categories, confusions = page.tables[-3], page.tables[-2]
    assert [sum(int(row[place]) for row in categories[1:-1]) for place in (1, 2, 3)] == [36, 33, 24]
    assert categories[-1][1:4] == ["36", "33", "24"]
    assert sum(int(row[2]) for row in confusions[1:-1]) == int(confusions[-1][2]) == 12
    assert any(row[1] == "(no label)" for row in confusions)


def test_what_is_not_known_or_real_is_said() -> None:
    page = Parsed(evaluation_page(evaluated(*NAMES, cost=None)))
    assert page.tables[0][1][7] == "not known"
    assert "are simulated" in page.text
    assert "are simulated" not in Parsed(evaluation_page(evaluated(*NAMES, simulated=False))).text


def test_a_matrix_that_no_sheet_could_take_is_left_out_on_paper() -> None:
    page = evaluation_page(evaluated(*(f"c{number}" for number in range(21))))
    assert 'class="matrix large"' in page


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4, unique=True))
def test_names_never_become_markup(names: list[str]) -> None:
    assert set(Parsed(evaluation_page(evaluated(*names))).tags) <= KNOWN_TAGS
