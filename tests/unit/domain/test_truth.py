"""Known categories are read as they stand, and the sample is even, stable and never larger than asked for."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from nightsort.api.categories import Category
from nightsort.domain.truth import EvenSample, Truths, even_quotas

CATEGORIES = (Category(name="Billing", aliases=("payment",)), Category(name="payments"), Category(name="Öffnung"))


def test_names_and_aliases_are_known_without_regard_to_capitals_and_spaces() -> None:
    truths = Truths(CATEGORIES)
    assert [truths.of(value) for value in (" billing", "PAYMENT", "payments ", "O\u0308ffnung")] == [
        "Billing",
        "Billing",
        "payments",
        "Öffnung",
    ]
    assert not truths.strangers


def test_a_value_that_is_no_category_is_counted_and_an_empty_one_is_not_known() -> None:
    truths = Truths(CATEGORIES)
    assert [truths.of(value) for value in (None, "", "  ", "refund", "refund ", "billing.")] == [None] * 6
    assert list(truths.strangers.items()) == [("refund", 2), ("billing.", 1)]


TICKETS = st.dictionaries(st.text(min_size=1, max_size=4), st.sampled_from("abc"), min_size=1, max_size=40)


def sampled(tickets: dict[str, str], size: int) -> frozenset[str]:
    sample = EvenSample(size)
    for id, category in tickets.items():
        sample.offer(id, category)
    return sample.chosen()


@settings(max_examples=80, deadline=None)
@given(TICKETS, st.integers(1, 45))
def test_the_sample_is_as_even_as_the_categories_allow(tickets: dict[str, str], size: int) -> None:
    chosen = sampled(tickets, size)
    assert len(chosen) == min(size, len(tickets))
    counts, all_of = Counter(tickets[id] for id in chosen), Counter(tickets.values())
    cut = [category for category in all_of if counts[category] < all_of[category]]
    most = max(counts.values())
    assert all(counts[category] >= most - 1 for category in cut)
    assert sampled(dict(reversed(tickets.items())), size) == chosen


def test_a_file_that_has_grown_keeps_most_of_its_sample() -> None:
    before = {str(number): "ab"[number % 2] for number in range(1000)}
    after = before | {str(number): "ab"[number % 2] for number in range(1000, 1100)}
    assert len(sampled(before, 300) & sampled(after, 300)) > 250


def test_what_a_rare_category_leaves_goes_to_the_others() -> None:
    assert even_quotas({"a": 3, "b": 100, "c": 100}, 100) == {"a": 3, "b": 48, "c": 49}
    assert even_quotas({"a": 3}, 100) == {"a": 3}
