"""What a person wrote in a mail, without the mails that it answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.domain.mail_history import without_history

OWN = "My card has still not come.\n\nAnn"
HISTORIES = {
    "Gmail": "On Mon, 3 Aug 2026 at 10:12, Help Desk <help@example.com> wrote:\n> We sent it.\n>\n> Sam",
    "Gmail, broken in two": "On Mon, 3 Aug 2026 at 10:12, The Help Desk\n<help@example.com> wrote:\n\n> We sent it.",
    "Apple Mail, in German": "Am 03.08.2026 um 10:12 schrieb Help Desk <help@example.com>:\n\n> Gesendet.",
    "Thunderbird, in French": "Le 03/08/2026 à 10:12, Help Desk a écrit :\n> Nous l'avons envoyée.",
    "Gmail, in Spanish": "El lun, 3 ago 2026 a las 10:12, Help Desk (<help@example.com>) escribió:\n\n> La enviamos.",
    "Outlook": "From: Help Desk <help@example.com>\nSent: Monday, August 3, 2026\nTo: Ann\nSubject: Your card\n\nSent.",
    "Outlook with a rule": (
        "________________________________\nFrom: Help Desk <help@example.com>\nSent: Monday, August 3, 2026\nTo: Ann\n"
        "Subject: Your card\n\nWe sent it."
    ),
    "Outlook, in German": "Von: Help Desk\nGesendet: Montag, 3. August 2026\nAn: Ann\nBetreff: Karte\n\nGesendet.",
    "old Outlook": "-----Original Message-----\nFrom: Help Desk\nWe sent it.",
    "in German": "-----Ursprüngliche Nachricht-----\nVon: Help Desk\nWir haben sie.",
    "a forwarded mail": "---------- Forwarded message ---------\nFrom: Help Desk\nWe sent it.",
    "the iPhone": "Begin forwarded message:\n\nFrom: Help Desk\nWe sent it.",
    "Zendesk": "##- Please type your reply above this line -##\n\nYour request (1234) was updated.",
    "marks alone": "> We sent it.\n>> Where is it?",
}


@pytest.mark.parametrize("program", HISTORIES)
def test_the_mails_that_a_mail_answers_are_cut(program: str) -> None:
    assert without_history(f"{OWN}\n\n{HISTORIES[program]}\n") == OWN


def test_answers_between_quoted_lines_stay() -> None:
    mail = "> Where do you live?\nIn Leeds.\n> Since when?\nSince May."

    assert without_history(mail) == "In Leeds.\nSince May."


@pytest.mark.parametrize(
    "text",
    [
        "From: my old account to: my new one, please move 20 pounds",
        "On 3 May I wrote to you: nothing came.",
        "On Monday you wrote:\nwe will call.",
        "Date: today\nI want a refund.",
        "a > b and b < c",
        "-----\nA rule is no quote.",
        "Subject: card\nTo: whom it may concern",
        "  spaces stay\r\nand breaks  ",
    ],
)
def test_what_only_looks_like_a_quote_stays_to_the_letter(text: str) -> None:
    assert without_history(text) == text


@pytest.mark.parametrize("program", HISTORIES)
def test_a_mail_that_is_nothing_but_a_quote_stays(program: str) -> None:
    assert without_history(HISTORIES[program]) == HISTORIES[program]


@given(st.text() | st.text("> \nOnwrte:On 3From:Sent:To-_", max_size=200))
def test_no_text_becomes_empty_or_longer(text: str) -> None:
    left = without_history(text)

    assert len(left) <= len(text)
    assert bool(left.strip()) == bool(text.strip())


def test_a_mail_of_many_lines_that_nearly_introduce_a_quote_is_looked_at_once() -> None:
    """Patterns with two open ends take minutes for it; without_history has one line and its follower at a time."""
    mail = "On 3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1:\n" * 20_000

    assert without_history(mail) == mail
