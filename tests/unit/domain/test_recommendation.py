"""A recommendation says which reader is better, whether the sample can tell, and what it costs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nightsort.domain.evaluation import Pair, evaluate
from nightsort.domain.recommendation import Reader, comparisons, recommendation

CATEGORIES = ("a", "b")


def reader(name: str, right: str, cost: str | None = "1.00") -> Reader:
    """`right`: for each ticket, + where the reader is right."""
    pairs: list[Pair] = [("a", "a" if sign == "+" else "b") for sign in right]
    return Reader(name, pairs, evaluate(pairs, CATEGORIES), None if cost is None else Decimal(cost))


def told(*readers: Reader) -> tuple[str, str]:
    found = recommendation(readers)
    return found.reader.name, "\n".join(found.sentences)


def test_a_reader_alone_gets_its_interval_and_the_tickets_that_would_narrow_it() -> None:
    name, words = told(reader("haiku", "+" * 90 + "-" * 10))
    assert name == "haiku"
    assert "haiku is right on 90.0% of such tickets, between 82.6% and 94.5% with 95% confidence" in words
    assert "about 865 known tickets would tell it to 2 points up or down" in words
    _, words = told(reader("haiku", "+" * 900 + "-" * 100))
    assert "would tell" not in words


def test_a_clearly_better_reader_is_recommended_with_the_price_of_it() -> None:
    name, words = told(reader("cheap", "+" * 70 + "-" * 30, "0.05"), reader("good", "+" * 95 + "-" * 5, "1.00"))
    assert name == "good"
    assert "good is more accurate than cheap: 95.0% against 70.0%, which is more than chance (p < 0.001)" in words
    assert "of 1,000 tickets good reads about 250 more rightly, for $0.9500 more" in words
    assert "recommended: good, at $1.0000 for 1,000 tickets" in words


def test_a_sample_that_is_too_small_to_tell_says_so_and_how_many_tickets_would() -> None:
    good, cheap = reader("good", "+" * 92 + "-" * 8, "1.00"), reader("cheap", "+" * 90 + "-" * 10, "0.05")
    name, words = told(good, cheap)
    assert name == "cheap", "nothing shows that it is worse"
    assert "the sample is too small to tell good and cheap apart: 92.0% against 90.0% of 100 known tickets" in words
    assert "about 391 known tickets would tell, if the difference is as large as it seems" in words
    assert "recommended: cheap, as the cheapest that is not shown to be worse, at $0.0500" in words


def test_readers_that_are_right_on_the_same_tickets_do_not_differ() -> None:
    _, words = told(reader("a", "++-"), reader("b", "++-"))
    assert "a and b are right on the same tickets: the sample shows no difference" in words
    assert "would tell" not in words


def test_of_equals_the_cheaper_one_is_recommended_and_one_without_a_price_last() -> None:
    assert told(reader("a", "++-", "2"), reader("b", "+-+", "1"))[0] == "b"
    assert told(reader("a", "++-", None), reader("b", "+-+", "1"))[0] == "b"
    name, words = told(reader("a", "++-", None), reader("b", "+-+", None))
    assert name == "a"
    assert "recommended: a; what the readers cost is not known" in words


def test_among_many_readers_a_difference_must_be_clearer() -> None:
    first, second = reader("a", "+" * 60 + "-" * 40), reader("b", "+" * 50 + "-" * 50)
    others = [reader(f"c{place}", "+" * 60 + "-" * 40) for place in range(8)]
    [alone] = comparisons([first, second])
    among = comparisons([first, second, *others])[0]
    assert alone.is_significant
    assert alone.p == pytest.approx(2 / 2**10)
    assert among.among == 45
    assert among.p == pytest.approx(90 / 2**10)
    assert not among.is_significant


def test_readers_of_different_tickets_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="argument"):
        comparisons([reader("a", "+++"), reader("b", "++")])
