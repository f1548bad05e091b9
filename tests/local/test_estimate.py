"""`nightsort estimate` about a file of tickets: the price, without a cluster, a purchase, or anything left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local.office import CATEGORIES, Office
from tests.local.shell import KEY, run
from tests.support.outcome import Outcome


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def estimate(office: Office, *flags: str) -> Outcome:
    return run("estimate", "tickets.csv", *CATEGORIES, "--api-url", office.api.url, *flags, env=KEY)


def test_the_price_of_a_file_is_shown_and_nothing_is_bought_and_nothing_left(office: Office) -> None:
    office.write(3)

    outcome = estimate(office)

    assert outcome.code == 0, outcome.told
    assert "tickets to ask about 3" in " ".join(outcome.out.split())
    assert "price as a batch" in outcome.out
    assert office.bill()["accepted"] == 0
    assert [path.name for path in office.folder.iterdir()] == ["tickets.csv"]


def test_only_the_tickets_that_have_no_answer_yet_are_priced(office: Office) -> None:
    office.write(3)
    office.classify("--yes")
    office.write(5)

    outcome = estimate(office, "--state", "state")

    assert outcome.code == 0, outcome.told
    assert "tickets to ask about 2" in " ".join(outcome.out.split())
    assert office.bill()["accepted"] == 3


def test_a_file_whose_form_must_be_told_is_told_by_the_flags_of_classify(office: Office) -> None:
    office.file.write_bytes("ref|wörds\n7|Grüße, my card is blocked\n".encode("cp1252"))

    outcome = estimate(office, "--delimiter", "|", "--encoding", "cp1252", "--id", "ref", "--body", "wörds")

    assert outcome.code == 0, outcome.told
    assert "│ Grüße, my card is blocked" in outcome.out


def test_a_file_that_is_not_there_is_named(office: Office) -> None:
    outcome = estimate(office)

    assert outcome.code == 2
    assert "tickets.csv: there is no such file" in outcome.err
