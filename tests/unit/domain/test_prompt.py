"""What the model is told."""

from __future__ import annotations

import pytest

from nightsort.api.categories import Category
from nightsort.api.prompt import Prompt
from nightsort.api.spec import Spec
from nightsort.domain.errors import Rejected
from nightsort.domain.prompt import CLOSING, GUARD, OPENING, TicketText, placeholders, system_prompt
from nightsort.domain.ticket import Ticket
from tests.support.manifests import manifest


def text(template: str, fields: dict[str, str], max_body_chars: int = 2000) -> str | None:
    return TicketText(Prompt(template=template, max_body_chars=max_body_chars)).of(Ticket("1", fields, "0"))


def test_the_system_prompt_tells_everything_about_the_categories() -> None:
    categories = [
        Category(name="billing", description=" Charges ", aliases=("payment", "money"), examples=("Charged\n twice",)),
        Category(name="other"),
    ]
    spec = Spec.model_validate(
        manifest(
            categories=[category.model_dump(by_alias=True) for category in categories],
            prompt={"instructions": "A password problem is other.\n"},
        )["spec"]
    )

    assert system_prompt(spec) == "\n\n".join(
        [
            OPENING,
            'Categories:\n- billing: Charges (also called: payment, money)\n  e.g. "Charged twice"\n- other',
            "A password problem is other.",
            GUARD,
            CLOSING,
        ]
    )


def test_without_instructions_the_system_prompt_has_no_gap() -> None:
    assert "\n\n\n" not in system_prompt(Spec.model_validate(manifest()["spec"]))


@pytest.mark.parametrize(
    ("template", "fields", "rendered"),
    [
        ("Subject: $subject\n\n$body", {"subject": "Hi", "body": " there "}, "Subject: Hi\n\nthere"),
        ("Subject: $subject\n\n$body", {"subject": "Hi"}, "Subject: Hi\n\n"),
        ("$product: $body", {"product": "App", "body": "broken"}, "App: broken"),
        ("$subject", {"subject": "Hi", "body": "not named"}, "Hi"),
        ("${body}!", {"body": "broken"}, "broken!"),
        (
            "${Created at} (100 %): ${Ärger %s?} $$${body}",
            {"Created at": "today %s", "Ärger %s?": "%(x)s", "body": "b"},
            "today %s (100 %): %(x)s $b",
        ),
        ("$$5: $body", {"body": "$body $$ ${x}"}, "$5: $body $$ ${x}"),
        ("$body", {"subject": "only a subject"}, None),
        ("$body", {"body": " \n\t"}, None),
        ("$subject $body", {}, None),
        ("Ticket $id of $day: $subject $body", {"id": "7", "day": "Monday", "body": " "}, None),
        ("Ticket $id: $comment", {"id": "7"}, None),
        ("Ticket $id: $comment", {"id": "7", "comment": "broken"}, "Ticket 7: broken"),
    ],
)
def test_a_ticket_goes_through_the_template(template: str, fields: dict[str, str], rendered: str | None) -> None:
    assert text(template, fields) == rendered


def test_long_fields_are_cut_and_what_the_template_adds_is_not() -> None:
    fields = {"subject": "ab", "body": " 12345", "more": "12345"}

    assert text("Subject: $subject|$body|$more", fields, max_body_chars=3) == "Subject: ab|123|123"


@pytest.mark.parametrize("field", ["body", "subject", "description"])
def test_a_field_of_ten_megabytes_is_cut(field: str) -> None:
    assert text(f"${field}", {field: "x" * 10_000_000}) == "x" * 2000


@pytest.mark.parametrize(
    "template", ["$", "costs $5: $body", "${body", "$ body", "${ body}", "${a{b}}", "${}", "${a\nb}"]
)
def test_a_template_with_a_stray_dollar_is_rejected_and_says_what_to_write(template: str) -> None:
    with pytest.raises(Rejected, match=r"prompt\.template: .*\$\$") as rejected:
        placeholders(Prompt(template=template))

    assert rejected.value.reason == "InvalidTemplate"


@pytest.mark.parametrize("template", ["Classify the ticket", "$$subject", "Ticket $id"])
def test_a_template_without_any_text_of_the_ticket_is_rejected(template: str) -> None:
    with pytest.raises(Rejected, match=r"prompt\.template: names no text of the ticket"):
        placeholders(Prompt(template=template))


def test_the_fields_that_a_template_names_are_known() -> None:
    assert placeholders(Prompt(template="$subject ${body} $$x $body")) == {"subject", "body"}
    assert placeholders(Prompt(template="$$${Ticket #: no} ${fields.summary}")) == {"Ticket #: no", "fields.summary"}
