"""From the words of an answer to a category."""

from __future__ import annotations

import pytest

from nightsort.api.spec import Category
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
    ["", " ", "...", "shipping", "billing and account access", "bill", "It is billing", "account\naccess", "Category:"],
)
def test_an_answer_that_is_none_of_the_names_is_no_category(answer: str) -> None:
    assert LABELS.match(answer) is None
