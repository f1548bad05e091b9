"""From the words of an answer to a category."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.api.categories import Category, spelled
from nightsort.domain.label import Labels

LABELS = Labels(
    [
        Category(name="billing", aliases=("payment", "Money matters")),
        Category(name="Account Access"),
        Category(name="другое"),
    ]
)


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        ("billing", "billing"),
        ("Billing", "billing"),
        ("BILLING.", "billing"),
        ("  billing\n", "billing"),
        ('"billing"', "billing"),
        ("`billing`", "billing"),
        ("**billing**", "billing"),
        ("\u201cbilling\u201d", "billing"),
        ("Category: billing", "billing"),
        ('category: "Billing".', "billing"),
        ("payment", "billing"),
        ("MONEY MATTERS", "billing"),
        ("account access", "Account Access"),
        ("ДРУГОЕ", "другое"),
    ],
)
def test_an_answer_names_its_category(answer: str, category: str) -> None:
    assert LABELS.match(answer) == category


@pytest.mark.parametrize(
    "answer",
    ["", " ", "...", "shipping", "billing and account access", "bill", "It is billing", "Category:"],
)
def test_an_answer_that_is_none_of_the_names_is_no_category(answer: str) -> None:
    assert LABELS.match(answer) is None


def test_names_that_differ_in_punctuation_alone_are_told_apart() -> None:
    labels = Labels([Category(name="NET"), Category(name=".NET"), Category(name="...")])

    assert [labels.match(answer) for answer in ("net", ".NET", '"NET"', "...", "")] == [
        "NET",
        ".NET",
        None,
        "...",
        None,
    ]


def test_an_accent_may_be_encoded_either_way() -> None:
    labels = Labels([Category(name=unicodedata.normalize("NFD", "Réclamation"))])

    assert labels.match(unicodedata.normalize("NFC", "réclamation\u00a0.")) is not None


@given(st.lists(st.from_regex(r"[^\s,]([^\n\r,]{0,5}[^\s,])?", fullmatch=True), min_size=1, unique_by=spelled))
def test_every_category_is_meant_by_its_own_name(names: list[str]) -> None:
    labels = Labels([Category(name=name) for name in names])

    assert [labels.match(name) for name in names] == names
