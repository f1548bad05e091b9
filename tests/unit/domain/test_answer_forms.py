"""Answers in common forms, and names as typography changes them: taken where exactly one category is meant."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.api.categories import Category, spelled
from nightsort.domain.label import Labels

CASES = Path(__file__).parents[2] / "cases" / "wire" / "answers.csv"


def named(*names: str) -> Labels:
    return Labels([Category(name=name) for name in names])


def seen_cases() -> Iterator[tuple[str, str, str | None]]:
    with CASES.open(newline="") as file:
        for row in csv.DictReader(file):
            yield row["categories"], row["answer"], None if row["right"] == "(Unknown)" else row["right"]


@pytest.mark.parametrize(("categories", "answer", "right"), list(seen_cases()))
def test_an_answer_that_was_seen_gets_what_is_right(categories: str, answer: str, right: str | None) -> None:
    assert named(*categories.split(";")).match(answer) == right


@pytest.mark.parametrize(
    "answer",
    [
        "* billing",
        "\u2022 billing",
        "1. billing",
        "(2) billing",
        "## billing",
        "> billing",
        "\u2014 billing",
        "\u2705 billing",
        "billing!",
        "billing;",
        "(billing)",
        "[billing]",
        "<billing>",
        "_billing_",
        "__billing__",
        "~~billing~~",
        "billing\u2026",
        "***billing***",
        "\u00abbilling\u00bb",
        "\u201ebilling\u201c",
        "billing\u3002",
        "\ufeffbilling",
        "bil\u00adling",
        "\uff42\uff49\uff4cling",
        "**Category:** billing",
        "Category = billing",
        "Category - billing",
        "category => billing",
        "Label: billing",
        "The answer is: billing",
        "The category is billing.",
        "Final answer: **billing**",
        "Kategorie: billing",
        "predicted_category: billing",
        "- Category: billing",
        "Category:\nbilling",
        '"category": "billing"',
        "<answer><category>billing</category></answer>",
        "<category>\n  billing\n</category>",
        "<b>billing</b>",
        "<billing>billing</billing>",
        "<ticket_category>billing</ticket_category>",
        "<root><category>billing</category></root>",
        '{"category": "billing", "correct": true}',
        '{"category": "billing", "urgent": false}',
        "\u2705 billing!",
        "\u2757billing",
        "<category>billing",
        "billing</category>",
        '{"label": "billing"}',
        '{"predictedCategory": "Billing"}',
        '["billing"]',
        '{"categories": ["billing"]}',
        '{"category": "billing", "confidence": 0.93, "reason": "A charge, not technical trouble"}',
        "{'category': 'billing'}",
        '{"category": {"name": "billing"}}',
        '{"result": {"category": "billing"}}',
        '{\n  "category": "billing"\n}',
        "```\nbilling\n```",
        '```json\n{"category": "billing"}\n```',
        "```billing```",
        "billing\nbilling",
        "billing, payment",
        "billing: Charges, refunds (also called: payment)",
        "- billing: Charges, refunds",
        "billing (also called: payment)",
    ],
)
def test_a_common_form_is_taken_for_the_one_category_that_it_holds(answer: str) -> None:
    labels = Labels([Category(name="billing", description="Charges, refunds", aliases=("payment",)), *OTHERS])

    assert labels.match(answer) == "billing"


OTHERS = (Category(name="technical"), Category(name="other"))


@pytest.mark.parametrize(
    "answer",
    [
        "billing or technical",
        "billing, technical",
        "billing\ntechnical",
        "- billing\n- technical",
        "billing/technical",
        "billing & technical",
        "billing and technical",
        "billing-technical",
        "billing technical",
        "not billing",
        "Not: billing",
        "anything but billing",
        "non-billing",
        "billing?technical",
        "technical: billing",
        "technical - billing",
        '{"category": "billing", "category": "technical"}',
        '{"category": "billing", "alternative": "technical"}',
        '{"category": ["billing", "technical"]}',
        '["billing", "technical"]',
        '{"billing": 0.9, "technical": 0.1}',
        '{"billing": false}',
        '{"not": "billing"}',
        '{"category": null}',
        '{"category": "not billing"}',
        '{"category": ""}',
        "<technical>billing</technical>",
        "<category>billing</category><category>technical</category>",
        "<category>billing</category> or technical",
        "```technical\nbilling\n```",
        "!billing",
        "! billing",
        "!!billing",
        "!=billing",
        "<>billing",
        "~billing",
        "**!billing**",
        "Category: !billing",
        "- !billing",
        '{"category": "!billing"}',
        "\u203cbilling",
        "\u274c billing",
        "\u274cbilling",
        "billing \u274c",
        "billing: \u2717",
        "Category: \u2716\ufe0f billing",
        "- \U0001f6ab billing",
        "\U0001f44e\U0001f3fd billing",
        "billing\n\u274c",
        "\u2610 billing",
        "[ ] billing",
        "- [ ] billing",
        "<not>billing</not>",
        "<not>billing",
        "billing</not>",
        "<wrong_category>billing</wrong_category>",
        "<s>billing</s>",
        "<thinking>billing</thinking>",
        "<answer><not>billing</not></answer>",
        '{"category": "billing", "correct": false}',
        '{"category": "billing", "is_correct": false}',
        '{"category": "billing", "correct": "no"}',
        '{"correct": false, "result": {"category": "billing"}}',
        '{"category": "billing", "billing": false}',
        '{"category": "billing", "wrong": true}',
        '{"category": "billing", "not": true}',
        '["billing", false]',
        "billing\n\nIt could be technical, too.",
        "Category: billing\nCategory: technical",
        "Category: technical or billing",
        "{" * 9_000,
        "[" * 9_000,
        "-",
        "**",
        "{}",
        "[]",
    ],
)
def test_where_two_categories_could_be_meant_or_none_nothing_is_taken(answer: str) -> None:
    assert named("billing", "technical", "other").match(answer) is None


@pytest.mark.parametrize(
    ("categories", "answer", "right"),
    [
        (("category", "billing"), "Category: billing", None),
        (("label", "billing"), '{"label": "billing"}', None),
        (("1", "billing"), "1. billing", None),
        (("1. Billing", "2. Technical"), "1. billing", "1. Billing"),
        (("1. Billing", "2. Technical"), "billing", "1. Billing"),
        (("1. Billing", "2. Technical"), "2. billing", None),
        (("Category: A", "Category: B"), "a", "Category: A"),
        (("card", "payment", "card payment"), "card payment", "card payment"),
        (("card", "payment", "card payment"), "card\npayment", None),
        (("card", "payment", "card payment"), "card-payment", None),
        (("card", "card payment"), "card_payment", "card payment"),
        (("Billing", "Refunds", "Billing & Refunds"), "billing & refunds", "Billing & Refunds"),
        (("Billing", "Refunds", "Billing & Refunds"), "billing and refunds", None),
        (("Billing", "Card refunds", "Billing & Card refunds"), "billing and card refunds", None),
        (("Billing & Refunds", "other"), "billing and refunds", "Billing & Refunds"),
        (("C", "C#", "C++"), "c#.", "C#"),
        (("C", "C#", "C++"), "- C++", "C++"),
        (("C", "C#", "C++"), '"C"', "C"),
        (("Wow", "Wow!"), "wow!", "Wow!"),
        (("Wow", "Wow!"), "- wow!", "Wow!"),
        (("Wow", "Wow!"), "'wow!'", None),
        (("NET", ".NET"), '{"category": "NET"}', "NET"),
        (("- billing", "billing"), "- billing", "- billing"),
        (("1", "billing"), "\u00b11", None),
        (("1", "billing"), "-1", None),
        (("1", "billing"), "\u22121", None),
        (("1", "billing"), "+1", None),
        (("1", "billing"), "~1", None),
        (("1", "billing"), "<1", None),
        (("1", "billing"), ">1", None),
        (("1", "billing"), "=1", None),
        (("1", "billing"), "- 1", "1"),
        (("1", "billing"), "(1)", "1"),
        (("-1", "1"), "- -1", "-1"),
        (("-1", "1"), '{"label": "-1"}', "-1"),
        (("! Urgent", "other"), "! urgent", "! Urgent"),
        (("! Urgent", "other"), "- ! urgent", "! Urgent"),
        (("! Urgent", "other"), "urgent", "! Urgent"),
        (("! Urgent", "urgent"), "urgent", "urgent"),
        (("\u274c spam", "other"), "\u274c Spam.", "\u274c spam"),
        (("\u274c spam", "other"), "spam", "\u274c spam"),
    ],
)
def test_what_stands_around_a_name_may_be_a_name_or_a_part_of_one(
    categories: tuple[str, ...], answer: str, right: str | None
) -> None:
    assert named(*categories).match(answer) == right


def test_a_line_of_the_prompt_whose_description_is_another_category_could_mean_either() -> None:
    labels = Labels([Category(name="billing", description="Refunds"), Category(name="refunds")])

    assert labels.match("- billing: Refunds") is None
    assert labels.match("- billing") == "billing"


# --- typography -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "answer"),
    [
        ("Can't log in", "Can\u2019t log in"),
        ("Can\u2019t log in", "can't log in"),
        ("Can't log in", "Can&#39;t log in"),
        ("Can't log in", "Can&rsquo;t log in"),
        ("Can't log in", "Can&amp;#x27;t log in"),
        ("Can't log in", "Can`t log\u00a0in"),
        ("Billing/Refunds", "Billing / Refunds"),
        ("Billing / Refunds", "billing/refunds"),
        ("Billing/Refunds", "Billing\u2215Refunds"),
        ("R&D", "R&amp;D"),
        ("R&amp;D", "R & D"),
        ("Sign-in", "Sign\u2011in"),
        ("Sign\u2011in", "sign-in"),
        ("Orders - late", "Orders \u2013 late"),
        ("Orders \u2014 late", "Orders\u2009\u2013\u2009late"),
        ("Late orders", "Late\u202forders"),
        ("Late orders", "Late\u2060 orders\u200e"),
        ("Office", "O\ufb03ce"),
        ("Réclamation", "Re\u0301clamation!"),
        ("Straße", "STRASSE"),
        ("Level 2", "Level\u3000\uff12"),
        ("Retour : facture", "Retour: facture"),
        ("\u2764\ufe0f love", "\u2764 love"),
        ("Refund (EU)", "refund(eu)"),
        ('The "big" one', "the \u201cbig\u201d one"),
        ("It's 5 o'clock", "It\u02bcs 5 o\u2032clock"),
        ("Wait...", "wait\u2026"),
        ("&lt;none&gt;", "<none>"),
    ],
)
def test_what_typography_changes_is_the_same_category(category: str, answer: str) -> None:
    assert named(category, "other").match(answer) == category


TWINS = [
    ("Can't", "Can\u2019t"),
    ("A/B", "A / B"),
    ("R&D", "R&amp;D"),
    ("m2", "m\u00b2"),
    ("in-app", "in\u2011app"),
    ("a b", "a\u00a0b"),
    ("x y", "x  y"),
]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_categories_that_differ_in_typography_alone_are_told_apart_by_their_spelling(one: str, other: str) -> None:
    labels = named(one, other)

    assert [labels.match(one), labels.match(other)] == [one, other]
    assert [labels.match(json.dumps({"category": each})) for each in (one, other)] == [one, other]
    assert labels.match(f"{one}!") is None, "either could be meant"


@given(
    st.lists(st.from_regex(r"[^\s,]([^\n\r,]{0,5}[^\s,])?", fullmatch=True), min_size=1, unique_by=spelled),
    st.sampled_from(("- {}", "Category: {}", "{}.", '"{}"', "<label>{}</label>", "{}\n", "\u2019{}\u2019")),
)
def test_no_form_of_one_name_is_taken_for_another_category(names: list[str], form: str) -> None:
    labels = named(*names)

    for name in names:
        text = form.format(name)
        if text.strip() not in names:
            assert labels.match(text) in (name, None)


@given(st.text(max_size=200))
def test_any_answer_can_be_matched(answer: str) -> None:
    assert named("billing", "Can't log in", "A & B", "1. x").match(answer) in {
        "billing",
        "Can't log in",
        "A & B",
        "1. x",
        None,
    }
