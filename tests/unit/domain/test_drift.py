"""Shuffled nights raise no alarm, shifted ones do."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, chi2_contingency

from nightsort.domain.drift import LEAST_NIGHTS, MOST_NIGHTS, chi_squared, chi_squared_above, drift_of, in_words
from tests.support.banking77 import questions

NIGHTS = 15
LABELS = [category for _, category in questions()]


def nights_of(seed: int) -> list[Counter[str]]:
    """All questions, in random order, as fifteen nights of about 205."""
    shuffled = LABELS.copy()
    random.Random(seed).shuffle(shuffled)
    return [Counter(shuffled[place::NIGHTS]) for place in range(NIGHTS)]


def shifts(nights: Sequence[Counter[str]]) -> bool:
    found = drift_of(nights[0], nights[1:])
    assert found is not None
    return found.is_shift


def test_of_200_shuffled_nights_none_is_a_shift() -> None:
    assert [seed for seed in range(200) if shifts(nights_of(seed))] == []


def test_nights_in_which_a_tenth_of_the_tickets_is_about_something_new_are_shifts() -> None:
    found = []
    for seed in range(50):
        night, *former = nights_of(seed)
        rng = random.Random(seed)
        gone = rng.sample(sorted(night.elements()), 25)
        found.append(shifts([night - Counter(gone) + Counter({"a new one": 25}), *former]))
    assert all(found)


def test_nights_whose_categories_moved_are_shifts_and_the_moved_ones_are_named() -> None:
    night, *former = nights_of(1)
    night = night + Counter({"card_arrival": 40})
    found = drift_of(night, former)
    assert found is not None
    assert found.is_shift
    assert found.moved[0].name == "card_arrival"
    assert found.moved[0].now > 0.15 > 0.02 > found.moved[0].before
    assert in_words(found).startswith("the categories differ from those of the 14 runs before: card_arrival 1")


def test_a_shift_that_is_more_than_chance_and_small_is_none() -> None:
    former = [Counter(a=50_000, b=50_000)] * 14
    found = drift_of(Counter(a=53_000, b=47_000), former)
    assert found is not None
    assert found.p < 1e-9
    assert not found.is_shift, "three tickets of a hundred"


def test_nights_that_always_differ_from_each_other_are_no_shifts() -> None:
    """Weekends have half as many bills: the seventh night is like the others of its kind."""
    week = [Counter(bills=100, rest=100)] * 5 + [Counter(bills=60, rest=140)] * 2
    found = drift_of(Counter(bills=60, rest=140), week * 2)
    assert found is not None
    assert found.distance > 0.1
    assert not found.is_shift
    alike = drift_of(Counter(bills=60, rest=140), [Counter(bills=100, rest=100)] * 14)
    assert alike is not None
    assert alike.is_shift, "beside nights that are all alike it is one"


def test_too_few_nights_and_empty_ones_tell_nothing() -> None:
    night = Counter(a=10, b=90)
    assert drift_of(night, [Counter(a=90, b=10)] * (LEAST_NIGHTS - 1)) is None
    assert drift_of(night, [Counter(a=90, b=10), Counter(), Counter(), Counter()]) is None
    assert drift_of(Counter(), [Counter(a=1)] * 5) is None
    same = drift_of(Counter(a=5), [Counter(a=9)] * 5)
    assert same is not None
    assert (same.p, same.distance, same.moved) == (1.0, 0.0, ())


def test_only_the_last_fourteen_nights_count() -> None:
    last = [Counter(a=50, b=50)] * MOST_NIGHTS
    assert drift_of(Counter(a=50, b=50), [*last, *[Counter(a=0, b=999)] * 9]) == drift_of(Counter(a=50, b=50), last)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 500), st.integers(1, 200))
def test_the_probability_is_that_of_scipy(statistic: float, freedom: int) -> None:
    assert chi_squared_above(statistic, freedom) == pytest.approx(chi2.sf(statistic, freedom), rel=1e-8, abs=1e-13)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(20, 90), min_size=4, max_size=4), min_size=2, max_size=6))
def test_the_statistic_is_that_of_scipy(table: list[list[int]]) -> None:
    theirs = chi2_contingency(table, correction=False)
    statistic, freedom = chi_squared([dict(zip("abcd", row, strict=True)) for row in table])
    assert (statistic, freedom) == pytest.approx((theirs.statistic, theirs.dof), abs=1e-9)
