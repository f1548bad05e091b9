"""The figures of an evaluation are those that scikit-learn and scipy compute from the same pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from nightsort.domain.evaluation import FEW, Evaluation, Pair, evaluate, wilson
from nightsort.domain.mcnemar import MOST_EXACT, Difference, difference

CATEGORIES = ("billing", "technical", "account", "feedback", "other")
NONE = "(none)"
PAIRS = st.lists(
    st.tuples(st.sampled_from(CATEGORIES), st.one_of(st.none(), st.sampled_from(CATEGORIES))), min_size=1, max_size=60
)


def evaluated(pairs: Iterable[Pair]) -> Evaluation:
    return evaluate(pairs, CATEGORIES)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_all_figures_equal_those_of_scikit_learn(pairs: list[Pair]) -> None:
    truths = [truth for truth, _ in pairs]
    labels = [label or NONE for _, label in pairs]
    found = evaluated(pairs)
    assert found.accuracy == pytest.approx(accuracy_score(truths, labels))
    columns = precision_recall_fscore_support(truths, labels, labels=list(CATEGORIES), zero_division=0)
    for category, *theirs in zip(found.categories, *columns, strict=True):
        assert [category.precision, category.recall, category.f1, category.support] == pytest.approx(theirs)
    matrix = confusion_matrix(truths, labels, labels=[*CATEGORIES, NONE])
    assert found.matrix == tuple(map(tuple, matrix.tolist()[:-1]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5000).flatmap(lambda tries: st.tuples(st.integers(0, tries), st.just(tries))))
def test_the_interval_is_wilsons_as_scipy_computes_it(share: tuple[int, int]) -> None:
    hits, tries = share
    found = wilson(hits, tries)
    if tries == 0:
        assert (found.low, found.high) == (0, 1)
        return
    theirs = binomtest(hits, tries).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert found.low <= hits / tries <= found.high


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_that_of_published_examples(hits: int, tries: int, low: float, high: float) -> None:
    """Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3."""
    found = wilson(hits, tries)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(("hits", "tries"), [(-1, 3), (4, 3)])
def test_more_hits_than_tries_are_no_share(hits: int, tries: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(hits, tries)


def test_a_ticket_without_a_label_counts_as_wrong() -> None:
    found = evaluated([("billing", "billing"), ("billing", None), ("other", None)])
    assert (found.known, found.correct, found.unanswered) == (3, 1, 2)
    assert found.accuracy == pytest.approx(1 / 3)


def test_confusions_come_largest_first_and_tickets_without_a_label_are_among_them() -> None:
    right = [("other", "other")] * 9
    pairs = [*[("billing", "account")] * 3, *[("other", None)] * 5, *right, ("account", "billing")]
    found = evaluated(pairs).confusions()
    assert [(one.truth, one.label, one.tickets) for one in found] == [
        ("other", None, 5),
        ("billing", "account", 3),
        ("account", "billing", 1),
    ]


def test_no_more_than_the_ten_largest_confusions_are_told() -> None:
    names = [f"c{number}" for number in range(20)]
    pairs: list[Pair] = [(name, names[0]) for number, name in enumerate(names) for _ in range(number)]
    found = evaluate(pairs, names).confusions()
    assert [one.tickets for one in found] == list(range(19, 9, -1))


def test_a_category_with_too_few_known_tickets_is_named() -> None:
    found = evaluated([("billing", "billing")] * FEW + [("account", "account")] * (FEW - 1))
    assert [category.name for category in found.few] == ["technical", "account", "feedback", "other"]


def test_known_categories_and_labels_must_be_declared() -> None:
    with pytest.raises(ValueError, match="refunds is none of the categories"):
        evaluated([("refunds", "billing")])
    with pytest.raises(ValueError, match="refunds is none of the categories"):
        evaluated([("billing", "refunds")])


def test_without_known_tickets_everything_is_possible() -> None:
    found = evaluated([])
    assert (found.known, found.accuracy, found.interval.low, found.interval.high) == (0, 0, 0, 1)
    assert found.accuracy_for({"billing": 3}) is None
    assert found.accuracy_for({}) is None


def test_the_accuracy_of_an_even_sample_is_weighted_by_how_often_the_categories_occur() -> None:
    billing = [*[("billing", "billing")] * 9, ("billing", None)]
    found = evaluated([*billing, *[("other", "other")] * 5, *[("other", None)] * 5])
    assert found.accuracy == pytest.approx(0.7)
    assert found.accuracy_for({"billing": 900, "other": 100}) == pytest.approx(0.86)
    assert found.accuracy_for({"billing": 900, "other": 100, "account": 1}) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemars_test_is_exact_for_few_discordant_tickets(first: int, second: int) -> None:
    found = Difference(first + second + 100, first, second)
    expected = binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert found.p == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("first", "second"), [(600, 401), (520, 520), (5000, 5100), (5000, 5001), (90_000, 1)])
def test_mcnemars_test_is_chi_squared_for_many(first: int, second: int) -> None:
    assert first + second > MOST_EXACT
    statistic = max(abs(first - second) - 1, 0) ** 2 / (first + second)
    assert Difference(200_000, first, second).p == pytest.approx(chi2.sf(statistic, 1), rel=1e-9)


def test_mcnemars_test_of_a_known_example() -> None:
    """The approval ratings in Agresti, Categorical Data Analysis (table 10.1): 150 against 86 of 1,600 voters."""
    found = Difference(1600, 150, 86)
    assert found.p == pytest.approx(3.7e-5, rel=0.02)
    assert found.is_significant(among=100)
    assert Difference(100, 10, 1).is_significant()
    assert not Difference(100, 10, 1).is_significant(among=5)


def test_only_tickets_on_which_the_readers_differ_count() -> None:
    found = difference([(True, True)] * 50 + [(False, False)] * 9 + [(True, False)] * 6 + [(False, True)] * 2)
    assert (found.tickets, found.only_first, found.only_second) == (67, 6, 2)
    assert found.accuracy == pytest.approx(4 / 67)
    assert not found.is_significant()


def test_the_number_of_tickets_that_would_tell_is_the_one_that_does() -> None:
    """With that many tickets, and differences in the same shares, the normal test has a power of 80 %."""
    seen = Difference(300, 21, 12)
    tickets = seen.tickets_to_tell()
    assert tickets is not None
    differing, gap = 33 / 300, 9 / 300
    spread = math.sqrt(differing - gap**2)
    power = 0.5 * math.erfc(-(gap * math.sqrt(tickets) - 1.959964 * math.sqrt(differing)) / spread / math.sqrt(2))
    assert power == pytest.approx(0.8, abs=0.001)
    assert tickets > 300
    assert Difference(300, 12, 12).tickets_to_tell() is None
    assert (seen.tickets_to_tell(among=3) or 0) > tickets, "of several comparisons each must be clearer"
