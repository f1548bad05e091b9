"""Rebuilt exports of help desks, read and written back without a word about their columns or dialects."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nightsort.formats.columns import find_columns
from nightsort.formats.exports import Reading, survey, tickets_of
from nightsort.formats.kinds import labeled_path
from nightsort.formats.labeled import write_labeled
from nightsort.formats.opening import open_table

EXPORTS = Path(__file__).resolve().parents[2] / "data" / "exports"
HAVE = {
    "zendesk.csv": (8, "Id", "Subject", "Description"),
    "zendesk.jsonl": (5, "id", "subject", "description"),
    "freshdesk.csv": (7, "Ticket ID", "Subject", "Description"),
    "jira.csv": (7, "Issue key", "Summary", "Description"),
    "intercom.csv": (6, "Conversation ID", "Title", "Message"),
    "intercom.json": (3, "id", "title", "source.body"),
    "salesforce-report.csv": (6, "Case Number", "Subject", "Description"),
    "salesforce-loader.csv": (6, "CASENUMBER", "SUBJECT", "DESCRIPTION"),
}


@pytest.mark.parametrize("name", HAVE)
def test_an_export_is_read_as_it_is(name: str) -> None:
    tickets, *names = HAVE[name]
    table = open_table(EXPORTS / name)
    columns = find_columns(table.header)

    assert columns.id is not None
    assert columns.subject is not None
    assert [table.header[place] for place in (columns.id, columns.subject, *columns.text)] == names
    assert survey(table, columns).tickets == tickets
    found = list(tickets_of(table, columns))
    assert len({ticket.id for ticket in found}) == tickets
    assert all(ticket.body and "<p" not in ticket.body for ticket in found)


@pytest.mark.parametrize("name", HAVE)
def test_an_export_is_written_back_with_all_that_it_had(name: str, tmp_path: Path) -> None:
    path = Path(shutil.copy(EXPORTS / name, tmp_path))
    table = open_table(path)
    columns = find_columns(table.header)

    added = write_labeled(table, columns, lambda ticket_id: (f"of {ticket_id}", "Labeled", None), labeled_path(path))

    again = open_table(labeled_path(path))
    assert again.header == (*table.header, *added)
    assert again.charset == table.charset
    for before, after in zip(table.records(), again.records(), strict=True):
        assert after.cells[: len(table.header)] == before.cells
        assert after.cells[-3:] == (f"of {before.cells[columns.id or 0]}", "Labeled", "")


def test_what_a_person_is_told_of_an_export() -> None:
    def told(name: str) -> tuple[str, ...]:
        table = open_table(EXPORTS / name)
        return survey(table, find_columns(table.header)).notes

    assert told("zendesk.csv") == ()
    assert told("intercom.csv") == ("6 bodies are HTML and read as text",)
    assert told("intercom.json")[0] == "the tickets are the list 'conversations' of the document"
    assert told("salesforce-report.csv") == (
        "read as Windows-1252, since it is not UTF-8 (--encoding says otherwise)",
        "semicolons separate its columns",
    )


def test_html_stays_where_a_person_wants_it() -> None:
    table = open_table(EXPORTS / "intercom.csv")

    first = next(tickets_of(table, find_columns(table.header), Reading(html=False)))

    assert first.body.startswith('<p class="no-margin">')


def test_a_ticket_without_an_id_is_known_by_its_place_and_its_text() -> None:
    table = open_table(EXPORTS / "zendesk.csv")
    columns = find_columns(table.header[1:])  # as if the first column were not known
    assert columns.id is None

    ids = [ticket.id for ticket in tickets_of(table, columns)]

    assert len(set(ids)) == 8
    assert ids == [ticket.id for ticket in tickets_of(table, columns)]
    assert [ticket_id.partition("-")[0] for ticket_id in ids] == [str(number) for number in range(2, 10)]


def test_the_fields_of_a_ticket_are_the_columns_and_what_they_were_taken_for() -> None:
    table = open_table(EXPORTS / "jira.csv")

    fields = next(tickets_of(table, find_columns(table.header))).fields

    assert (fields["id"], fields["Issue key"], fields["Issue id"]) == ("HELP-310", "HELP-310", "10310")
    assert fields["Labels"] == ""
    assert fields["Labels (2)"] == "app"
    assert fields["body"] == fields["Description"]
