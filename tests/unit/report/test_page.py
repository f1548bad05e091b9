"""The page of a report: well formed, closed to the outside, and with figures that add up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.api.cost import Cost
from nightsort.domain.answer import Verdict
from nightsort.report.charts import WIDTH, bar
from nightsort.report.document import MARK, POLICY
from nightsort.report.figures import MOST_RUNS, MOST_UNUSABLE, Run, Sample, Unusable, meaning
from nightsort.report.page import page_of
from tests.support.pages import KNOWN_TAGS, LOADING, Parsed
from tests.support.reports import HOSTILE, NIGHT, cost, report, spec


def figures(table: list[list[str]]) -> dict[str, tuple[int, Decimal]]:
    """Rows of a name, a count and a share."""
    return {row[0]: (int(row[1].replace(",", "")), Decimal(row[2].rstrip("%"))) for row in table[1:]}


# --- its form ---------------------------------------------------------------------------------------------------------


def test_a_page_is_one_whole_document_that_asks_for_nothing() -> None:
    page = page_of(report())
    seen = Parsed(page)

    assert page.startswith(MARK)
    assert set(seen.tags) <= KNOWN_TAGS
    assert [name for name, _ in seen.attributes if name in LOADING or name.startswith("on") or name == "style"] == []
    assert "//" not in page.replace("<!--", "")
    assert not re.search(r"url\(|@import|@font-face", seen.style)
    assert ("content", POLICY) in seen.attributes
    assert POLICY.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_a_page_is_made_for_phones_for_the_dark_and_for_paper() -> None:
    seen = Parsed(page_of(report()))

    assert ("content", "width=device-width, initial-scale=1") in seen.attributes
    for rule in (
        "color-scheme: light dark",
        "@media (prefers-color-scheme: dark)",
        "@media print",
        "@media (max-width:",
    ):
        assert rule in seen.style
    assert ("lang", "en") in seen.attributes


@pytest.mark.parametrize("with_text", [True, False])
def test_hostile_words_stay_words(with_text: bool) -> None:
    hostile = report(
        file=HOSTILE,
        spec=spec("billing", template=f"$body {HOSTILE[:60]}", instructions=HOSTILE.replace("\x00", "")),
        categories={HOSTILE: 4},
        without={},
        verdicts={HOSTILE: 4},
        unusable=[Unusable(HOSTILE, Verdict.ERRORED, HOSTILE)],
        all_unusable=1,
        samples={HOSTILE: [Sample(HOSTILE, HOSTILE if with_text else None)]},
        with_text=with_text,
    )

    page = page_of(hostile)
    seen = Parsed(page)

    assert set(seen.tags) <= KNOWN_TAGS
    assert {name for name, _ in seen.attributes} <= {name for name, _ in Parsed(page_of(report())).attributes}
    assert HOSTILE.replace("\u202e\x1b", "\\u202e\\x1b").replace("\x00", "\\x00") in seen.text
    assert not set(page) & set("\u202e\x1b\x00")


@given(st.text(max_size=60))
def test_whatever_words_come_the_page_can_be_written_and_read(words: str) -> None:
    page = page_of(report(categories={words: 1}, samples={words: [Sample(words, words)]}, with_text=True))

    assert page.encode()
    assert set(Parsed(page).tags) <= KNOWN_TAGS


def test_what_scripts_of_other_languages_need_is_kept() -> None:
    persian = "می\u200cخواهم کارت\u00a0نو\r\nخانواده 👩\u200d👧"  # noqa: RUF001

    page = page_of(report(samples={"billing": [Sample("1", persian)]}, with_text=True))

    assert persian.replace("\r\n", "\n") in page


# --- its figures ------------------------------------------------------------------------------------------------------


def test_categories_and_verdicts_add_up_to_the_tickets_and_to_a_hundred_percent() -> None:
    by_category, by_verdict, *_ = map(figures, Parsed(page_of(report())).tables[:2])

    assert list(by_category) == ["technical", "billing", "(none: unknown)", "(none: failed)", "(not asked)", "total"]
    for table in (by_category, by_verdict):
        assert table.pop("total") == (7, Decimal("100.0"))
        assert sum(count for count, _ in table.values()) == 7
        assert sum(share for _, share in table.values()) == 100


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 10**6), min_size=1, max_size=20))
def test_whatever_the_counts_are_they_add_up(counts: Mapping[str, int]) -> None:
    rows = Parsed(page_of(report(categories=counts, without={}, verdicts=counts))).tables[0][1:]

    *parts, total = [(int(row[1].replace(",", "")), Decimal(row[2].rstrip("%"))) for row in rows]
    assert (sum(count for count, _ in parts), sum(share for _, share in parts)) == total


def test_a_category_that_is_called_as_what_has_none_stands_beside_it() -> None:
    rows = Parsed(page_of(report(categories={"(none: failed)": 4}))).tables[0]

    assert [row[:2] for row in rows[1:]] == [
        ["(none: failed)", "4"],
        ["(none: unknown)", "1"],
        ["(none: failed)", "2"],
        ["(not asked)", "1"],
        ["total", "8"],
    ]


@pytest.mark.parametrize(
    ("amount", "most", "length"), [(0, 5, 0), (5, 5, WIDTH), (1, 10**6, 2), (0, 0, 0), (1, 4, WIDTH // 4)]
)
def test_a_bar_is_as_long_as_its_share_and_what_is_not_nothing_is_seen(amount: int, most: int, length: int) -> None:
    assert ("width", str(length)) in Parsed(bar(amount, most)).attributes


def test_costs_add_up_as_they_are_shown_however_many_runs_there_were() -> None:
    runs = [Run(NIGHT, number, cost(f"0.00{number:02}01", f"0.00{number:02}03")) for number in range(40, 0, -1)]

    _, *rows = Parsed(page_of(report(runs=runs))).tables[2]

    *parts, total = [[Decimal(cell.replace(",", "").lstrip("$")) for cell in row[1:5]] for row in rows]
    assert len(parts) == MOST_RUNS + 1
    assert rows[-2][0] == "9 runs before"
    assert [sum(column) for column in zip(*parts, strict=True)] == total
    assert total[1] + total[3] == total[2]


def test_a_run_is_compared_with_the_standard_price_and_with_the_runs_before() -> None:
    runs = [Run(NIGHT, 100, cost("0.0200", "0.0400")), *[Run(NIGHT, 1000, cost("0.1000", "0.2000"))] * 2]

    text = Parsed(page_of(report(runs=runs))).text

    assert "The last run cost $0.0200 for 100 tickets; the standard price is $0.0400 (50% less)." in text
    assert "That is $0.2000 for 1,000 tickets; before, it was $0.1000 for 1,000 tickets in 2 runs." in text
    assert "Prices of 2026-11-22." in text


def test_a_cost_that_is_not_known_is_said_to_be_so() -> None:
    text = Parsed(page_of(report(runs=[Run(None, 3, Cost(unpriced=3))]))).text

    assert "The cost of the last run is not known." in text
    assert "Left out are 3 requests whose cost is not known." in text
    assert "Nothing was bought." in Parsed(page_of(report(runs=[]))).text


def test_of_many_tickets_without_a_category_the_first_are_listed_and_the_others_counted() -> None:
    many = [Unusable(f"T-{number}", Verdict.EXPIRED, "") for number in range(MOST_UNUSABLE)]

    seen = Parsed(page_of(report(unusable=many, all_unusable=1234)))

    assert len(seen.tables[3]) == 1 + MOST_UNUSABLE
    assert seen.tables[3][1] == ["T-0", "Expired", "not run within 24 hours"]
    assert "And 1,034 more" in seen.text


# --- what it keeps to itself ------------------------------------------------------------------------------------------


def test_without_with_text_the_page_has_ids_and_reasons_and_no_words_of_tickets_or_answers() -> None:
    seen = Parsed(page_of(report()))

    assert seen.tables[3][1:] == [
        ["7", "Unknown", "the answer is none of the categories"],
        ["8", "Refused", "the model refused to answer"],
        ["9", "Refused", "the model refused to answer"],
    ]
    assert "4711" not in seen.text
    assert "It has no ticket's text." in seen.text


def test_with_text_the_page_shows_samples_and_what_the_model_answered() -> None:
    samples = {"billing": [Sample("1", "Where is my refund?")], "technical": []}

    seen = Parsed(page_of(report(samples=samples, with_text=True)))

    assert "Where is my refund?" in seen.text
    assert "My card is 4711" in seen.text
    assert "It shows what tickets say." in seen.text


def test_the_page_shows_settings_and_prompt_and_says_what_is_simulated() -> None:
    asked = spec("billing", instructions="A refund is billing.", template="Text: $body")

    text = Parsed(page_of(report(spec=asked, simulated=True))).text

    for words in ("claude-haiku-5-5", "- billing", "A refund is billing.", "Text: $body", "are simulated"):
        assert words in text


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_its_meaning_in_words(verdict: Verdict) -> None:
    assert meaning(verdict)
    assert meaning(verdict) in Parsed(page_of(report(verdicts={verdict.value: 7}))).text


def test_branches_of_a_tree_of_categories_have_a_table_of_their_own() -> None:
    tree = page_of(report(categories={"billing/refund": 1, "billing/invoice": 2, "technical": 0}))

    assert "Branches" not in page_of(report())
    assert re.search(r"Branches.*?billing</th><td[^>]*>3</td><td[^>]*>42\.9%", tree, re.DOTALL), tree
