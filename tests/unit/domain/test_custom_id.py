"""The custom_id of a request: any ticket id there and back, in the API's alphabet."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from nightsort.domain.custom_id import ROOM, decode, digest, encode, is_long, tag_of

TAG = "k3f9a2"
ALPHABET = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ODD = "abc-_. é漢🙂\n\x00"
ids = st.one_of(
    st.text(min_size=1, max_size=512),
    st.text(alphabet=ODD, min_size=1, max_size=512),
    st.text(alphabet="aZ9_-", min_size=ROOM - 2, max_size=ROOM + 2),
    st.text(alphabet="a.🙂", min_size=10, max_size=46),
)


def kept(*ticket_ids: str) -> dict[str, str]:
    """What the ledger keeps for these tickets."""
    return {digest(ticket_id): ticket_id for ticket_id in ticket_ids if is_long(ticket_id)}


@given(ids)
@example("🙂" * 128)
@example("a" * ROOM)
@example("a" * (ROOM + 1))
@example("." * 42)
@example("." * 43)
def test_any_id_makes_the_round_trip(ticket_id: str) -> None:
    assert decode(encode(TAG, ticket_id), TAG, kept(ticket_id)) == ticket_id


@given(ids)
def test_a_custom_id_fits_the_apis_pattern(ticket_id: str) -> None:
    assert ALPHABET.fullmatch(encode(TAG, ticket_id))


@given(ids, ids)
@example("a", "a\n")
@example("YQ", "a")
@example(digest("🙂" * 100), "🙂" * 100)
def test_distinct_ids_have_distinct_custom_ids(one: str, other: str) -> None:
    assume(one != other)

    assert encode(TAG, one) != encode(TAG, other)


@given(ids)
@example("a" * (ROOM + 1))
@example("." * 42)
@example("." * 43)
def test_an_id_is_long_exactly_when_only_its_digest_travels(ticket_id: str) -> None:
    assert is_long(ticket_id) == (decode(encode(TAG, ticket_id), TAG, {}) is None)


@given(ids)
def test_the_tag_stands_in_front(ticket_id: str) -> None:
    assert tag_of(encode(TAG, ticket_id)) == TAG


@given(ids)
def test_a_custom_id_of_another_intent_is_nobodys(ticket_id: str) -> None:
    assert decode(encode("other1", ticket_id), TAG, kept(ticket_id)) is None


@pytest.mark.parametrize(
    ("ticket_id", "custom_id"),
    [
        ("4711", "k3f9a2-4711"),
        ("T_2026-11", "k3f9a2-T_2026-11"),
        ("a b", "k3f9a2_YSBi"),
        ("ü", "k3f9a2_w7w"),
        ("x" * 58, "k3f9a2h" + digest("x" * 58)),
    ],
)
def test_a_custom_id_says_how_the_id_follows(ticket_id: str, custom_id: str) -> None:
    assert encode(TAG, ticket_id) == custom_id


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "k3f9a2",
        "k3f9a2-",
        "k3f9a2_",
        "k3f9a2x4711",
        "k3f9a2_a",  # no length that base64 has
        "k3f9a2__w",  # no UTF-8
        "k3f9a2_ü",  # not of the alphabet
        "k3f9a2hAAAA",  # a digest that nobody kept
        "my-own-request",
    ],
)
def test_what_was_not_ours_is_no_ticket(foreign: str) -> None:
    assert decode(foreign, TAG, {}) is None


@pytest.mark.parametrize(
    "stray",
    ["k3f9a2_QR", "k3f9a2_QQ==", "k3f9a2_Q!Q", "k3f9a2_NDEx", "k3f9a2-a b", "k3f9a2-\x00", "k3f9a2-" + "x" * 60],
)
def test_what_is_not_as_it_was_written_is_not_taken_for_an_id(stray: str) -> None:
    assert decode("k3f9a2_QQ", "k3f9a2", {}) is None, "A would have been sent as it is"
    assert decode(encode("k3f9a2", "größe"), "k3f9a2", {}) == "größe"
    assert decode(stray, "k3f9a2", {}) is None
