"""`nightsort report` and `classify --report` as their users meet them."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from nightsort.report.document import MARK
from tests.local.office import Office
from tests.local.shell import run
from tests.support.outcome import Outcome
from tests.support.waiting import eventually

ROW = re.compile(r'<tr><th scope="row">([^<]*)</th><td class="number">([^<]*)</td>')


def reported(office: Office, *arguments: str) -> Outcome:
    return run("report", *arguments, "--state", str(office.state.parent))


def page_of(office: Office) -> Path:
    return office.folder / "tickets.report.html"


def counts(page: Path) -> list[tuple[str, int]]:
    """The rows of all tables whose first figure is a count."""
    return [(name, int(figure.replace(",", ""))) for name, figure in ROW.findall(page.read_text())]


def test_a_classified_file_becomes_a_page_whose_figures_are_those_of_the_file(office: Office) -> None:
    office.write({"1": "billing", "2": "technical", "3": "refuse me", "4": "what is this", "5": ""})
    office.file.write_text(office.file.read_text().replace("5,Help,", "5,,"))
    office.api.ask(
        "faults",
        [
            {"kind": "items", "outcome": "refusal", "match": "refuse me"},
            {"kind": "items", "outcome": "unknown", "match": "what is this"},
        ],
    )
    assert office.classify("--yes").code == 0

    outcome = reported(office, str(office.file))

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{page_of(office)} shows what 5 tickets of {office.file} came to\n"
    found = counts(page_of(office))
    total = found.index(("total", 5))
    assert set(found[:total]) == {
        ("billing", 1),
        ("technical", 1),
        ("account", 0),
        ("other", 0),
        ("(none: unknown)", 1),
        ("(none: failed)", 2),
    }
    assert {("Labeled", 2), ("Unknown", 1), ("Refused", 1), ("Unsendable", 1)} <= set(found[total:])
    text = page_of(office).read_text()
    for words in ("there is no text to ask about", "The last run cost $0.0", "claude-haiku-5-5", "- billing"):
        assert words in text
    assert office.bill()["created"] == 1, "a report buys nothing"


def test_answers_to_further_fields_are_counted_by_value(office: Office) -> None:
    office.write({"1": "billing low", "2": "technical high", "3": "billing high"})
    assert office.classify("--yes", "--field", "urgency=low,high").code == 0

    assert reported(office, str(office.file)).code == 0

    found = counts(page_of(office))
    assert found[found.index(("low", 1)) :][:3] == [("low", 1), ("high", 2), ("total", 3)]


def test_words_of_tickets_stand_on_the_page_with_with_text_alone(office: Office) -> None:
    office.write({"1": "a <b>billing</b> question & 4711", "2": "technical 4712"})
    office.api.ask("faults", [{"kind": "items", "outcome": "unknown", "match": "4712"}])
    office.classify("--yes")

    reported(office, str(office.file))
    assert not re.search("471[12]", page_of(office).read_text())

    reported(office, str(office.file), "--with-text")
    assert re.search("question &amp; 4711", page_of(office).read_text())


def test_classify_writes_the_page_at_its_end_and_the_last_file_needs_no_name(office: Office) -> None:
    office.write(6)
    own = office.folder / "own.html"

    outcome = office.classify("--yes", "--limit", "4", "--report", str(own))

    assert outcome.code == 0, outcome.told
    assert f"{own} shows the figures" in outcome.out
    assert ("total", 6) in counts(own)
    assert ("(not asked)", 2) in counts(own)
    office.classify("--yes", "--report", str(own))
    assert "before, it was" in own.read_text(), "the page of the second run knows the first one"
    assert reported(office).code == 0
    assert ("total", 6) in counts(page_of(office))


def test_what_is_under_way_and_what_came_since_have_rows_of_their_own(patient_office: Office) -> None:
    patient_office.write(3)
    assert patient_office.classify("--yes", "--timeout", "1s").code == 124
    patient_office.write(4)

    outcome = reported(patient_office, str(patient_office.file))

    assert outcome.code == 0, outcome.told
    assert {("(under way)", 3), ("(not asked)", 1), ("total", 4)} <= set(counts(page_of(patient_office)))


def test_a_category_by_fallback_is_told_apart(office: Office) -> None:
    office.write({"1": "billing", "2": "what is this"})
    office.api.ask("faults", [{"kind": "items", "outcome": "unknown", "match": "what is this"}])
    categories = office.folder / "own.yaml"
    categories.write_text("categories: [billing, other]\nunknownLabel: {action: Fallback, category: other}\n")
    office.classify("--yes", "--categories-file", str(categories))

    assert reported(office, str(office.file)).code == 0

    found = counts(page_of(office))
    assert {("billing", 1), ("other", 1), ("Labeled", 1), ("Unknown, with the category of unknownLabel", 1)} <= set(
        found
    )
    assert found.count(("total", 2)) == 2 + 1, "by category, by verdict, and of the one run"


def test_while_a_run_is_waited_for_the_report_says_who_has_the_state(patient_office: Office) -> None:
    patient_office.write(3)
    with patient_office.start("--yes"):
        eventually(lambda: patient_office.bill()["accepted"] == 3)
        outcome = reported(patient_office, str(patient_office.file))

    assert outcome.code == 2
    assert f"(nightsort classify {patient_office.file}, since" in outcome.err
    assert not page_of(patient_office).exists()


def test_a_page_is_for_those_who_may_read_the_file(office: Office) -> None:
    office.write(3)
    office.file.chmod(0o600)
    office.classify("--yes")

    reported(office, str(office.file), "--with-text")

    assert stat.S_IMODE(page_of(office).stat().st_mode) == 0o600


def test_a_page_takes_the_place_of_a_page_and_of_nothing_else(office: Office) -> None:
    office.write(3)
    for name in (office.file, office.labeled):
        outcome = office.classify("--yes", "--report", str(name))
        assert outcome.code == 2
        assert "name another file" in outcome.err
        assert office.bill()["created"] == 0
    office.classify("--yes", "--report", str(page_of(office)))
    before = office.file.read_bytes()

    assert reported(office, str(office.file)).code == 0
    places = (office.file, office.folder, office.file / "below.html")
    refused = [reported(office, str(office.file), "--output", str(one)) for one in places]

    assert [one.code for one in refused] == [2, 2, 2]
    assert "is there already, and is no report of nightsort" in refused[0].err
    assert office.file.read_bytes() == before
    assert page_of(office).read_text().startswith(MARK)
    assert not list(office.folder.glob(".nightsort-*"))


@pytest.mark.parametrize("classified", [True, False])
def test_without_anything_to_show_it_says_what_to_do(office: Office, classified: bool) -> None:
    office.write(3)
    if classified:
        office.classify("--yes")
        other = office.folder / "other.csv"
        other.write_bytes(office.file.read_bytes())
        outcome = reported(office, str(other))
        told = f"{other} was not classified with"
    else:
        outcome = reported(office, str(office.file))
        told = "no such file. `nightsort classify` makes it"

    assert outcome.code == 2
    assert told in outcome.err
    assert office.state.exists() == classified


def test_of_a_manifest_it_says_what_shows_its_results(office: Office) -> None:
    outcome = reported(office, "batch.yaml")

    assert outcome.code == 2
    assert outcome.err == (
        "batch.yaml is a manifest, and a report is of a file of tickets or of a run in a cluster; `nightsort results "
        "batch.yaml` prints the rows, and `nightsort status batch.yaml` the cost\n"
    )


def test_a_file_whose_columns_must_be_named_again_is_told_to_be(office: Office) -> None:
    office.write(3)
    office.file.write_text(office.file.read_text().replace("body", "was los ist"))
    office.classify("--yes", "--body", "was los ist")

    outcome = reported(office, str(office.file))
    again = reported(office, str(office.file), "--body", "was los ist")

    assert (outcome.code, again.code) == (2, 0)
    assert "which columns to read, by --id or --body, give the same flags here" in outcome.err
