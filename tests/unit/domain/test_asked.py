"""Who was asked is told by a number and a digest, whatever comes in answer and whatever the source has become."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nightsort.domain.asked import IdDigest, asked_of

IDS = st.sets(st.text(max_size=6), min_size=1, max_size=12)


def digest(ids: set[str]) -> str:
    return str(IdDigest(ids))


@given(ids=st.lists(st.text(), max_size=8))
def test_the_order_of_ids_makes_no_difference(ids: list[str]) -> None:
    assert str(IdDigest(ids)) == str(IdDigest(reversed(ids)))
    assert len(str(IdDigest(ids))) == 32


@given(asked=IDS, strays=IDS, come=IDS)
def test_where_the_source_still_names_them_it_is_exact_whatever_was_answered(
    asked: set[str], strays: set[str], come: set[str]
) -> None:
    seen = {one for one in asked if len(one) % 2} | strays

    assert asked_of(digest(asked), len(asked), seen, asked) == asked


@given(asked=IDS, named=IDS, extra=st.text(max_size=6))
def test_one_stray_beside_all_answers_is_found_whatever_has_become_of_the_source(
    asked: set[str], named: set[str], extra: str
) -> None:
    assert asked_of(digest(asked), len(asked), asked | {extra}, named) == asked


@given(asked=IDS, gone=IDS, stray=st.text(max_size=6))
def test_a_stray_in_the_place_of_an_answer_is_found_where_the_source_names_the_missing_one(
    asked: set[str], gone: set[str], stray: str
) -> None:
    missing = min(asked)
    seen = (asked - {missing}) | {stray}
    named = (asked - gone) | {missing, "new"}

    assert asked_of(digest(asked), len(asked), seen, named) == asked or stray in asked


@given(asked=IDS, seen=IDS, named=IDS)
def test_never_are_more_told_than_were_asked_nor_any_that_nobody_knows(
    asked: set[str], seen: set[str], named: set[str]
) -> None:
    for known in (digest(asked), None):
        told = asked_of(known, len(asked), seen, named)
        assert len(told) <= len(asked)
        assert told <= seen | named
