"""Which columns are taken for the ticket's id, subject and body."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.formats.columns import UnknownColumns, find_columns
from nightsort.formats.table import unique_names

ZENDESK = "Id,Requester,Requester id,Requester email,Assignee,Group,Subject,Tags,Status,Priority,Via,Ticket type"
ZENDESK_VIEW = "Ticket ID;Subject;Description;Requester;Requested;Type;Priority;Group;Assignee;Status".replace(";", ",")
FRESHDESK = (
    "Ticket ID,Subject,Description,Status,Priority,Source,Type,Agent,Group,Created time,Tags,Survey results,Full name,"
    "Title,Email,Twitter ID,Unique external ID,Contact ID,Company Name"
)
JIRA = (
    "Summary,Issue key,Issue id,Parent id,Issue Type,Status,Project key,Project name,Project description,Priority,"
    "Assignee,Assignee Id,Reporter,Created,Labels,Labels,Description,Environment,Comment,Comment,Comment"
)
INTERCOM = "Conversation ID,Started at,Channel,Title,Message,Teammate assigned,State,Tags,User ID,User email"
SALESFORCE = "Case Owner,Subject,Date/Time Opened,Age,Open,Closed,Case Number,Account Name,Description"
SALESFORCE_LOADER = "Id,CaseNumber,ContactId,AccountId,ParentId,SuppliedName,Type,Status,Reason,Subject,Description"


def taken(header: Sequence[str], **told: str) -> tuple[str | None, str | None, list[str]]:
    columns = find_columns(unique_names(header), **told)
    names = columns.header
    return (
        None if columns.id is None else names[columns.id],
        None if columns.subject is None else names[columns.subject],
        [names[place] for place in columns.text],
    )


@pytest.mark.parametrize(
    ("header", "id", "subject", "body"),
    [
        ("id,subject,body", "id", "subject", "body"),
        (ZENDESK, "Id", "Subject", None),
        (ZENDESK_VIEW, "Ticket ID", "Subject", "Description"),
        (FRESHDESK, "Ticket ID", "Subject", "Description"),
        (JIRA, "Issue key", "Summary", "Description"),
        (INTERCOM, "Conversation ID", "Title", "Message"),
        (SALESFORCE, "Case Number", "Subject", "Description"),
        (SALESFORCE_LOADER, "CaseNumber", "Subject", "Description"),
        ("Ticket #,Issue Summary,First Comment", "Ticket #", "Issue Summary", "First Comment"),
        ("TICKET_ID , description", "TICKET_ID", None, "description"),
        ("ticketId,text", "ticketId", None, "text"),
        ("Ticketnummer,Betreff,Beschreibung,Priorität", "Ticketnummer", "Betreff", "Beschreibung"),
        ("Numéro,Objet,Contenu", "Numéro", "Objet", "Contenu"),
        ("Número,Asunto,Descripción", "Número", "Asunto", "Descripción"),
        (
            "key,id,fields.summary,fields.description,fields.project.description",
            "id",
            "fields.summary",
            "fields.description",
        ),
        ("id,type,source.subject,source.body,source.author.id", "id", "source.subject", "source.body"),
        ("text,category", None, None, "text"),
        (",text", None, None, "text"),
    ],
)
def test_the_exports_of_help_desks_are_known(
    header: str, id: str | None, subject: str | None, body: str | None
) -> None:
    assert taken(header.split(",")) == (id, subject, [] if body is None else [body])


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("ID,Ticket ID,text", "2 columns could be the id, 'ID', 'Ticket ID': say which with --id ID"),
        (
            "Ticket ID,ticket_id,text",
            "2 columns could be the id, 'Ticket ID', 'ticket_id': say which with --id \"Ticket ID\"",
        ),
        ("id,id,text", "2 columns could be the id, 'id', 'id (2)'"),
        ("key,number,text", "2 columns could be the id, 'key', 'number'"),
        ("id,body,description", "2 columns could be the body, 'body', 'description': say which with --body body"),
        ("id,title,summary,body", "2 columns could be the subject, 'title', 'summary'"),
        (
            "id,status,priority",
            "no column is known to be a subject or a body: say which is with --body COLUMN; the file has 'id'",
        ),
        ("1,My card has not come", "if this is a ticket, put a line with the names of the columns above it"),
    ],
)
def test_what_cannot_be_told_is_asked_for(header: str, said: str) -> None:
    with pytest.raises(UnknownColumns) as caught:
        taken(header.split(","))

    assert said in str(caught.value)


def test_what_a_person_says_wins() -> None:
    header = ["ID", "Ticket ID", "Title", "Body", "Notes"]

    assert taken(header, id="ticket id") == ("Ticket ID", "Title", ["Body"])
    assert taken(header, id="ID", body="Notes", subject="Body") == ("ID", "Body", ["Notes"])
    assert taken(header, id="ID", body="Title") == ("ID", None, ["Title"])


def test_several_columns_make_the_body_in_the_order_that_a_person_names() -> None:
    columns = find_columns(["Id", "Subject", "Question", "Details"], text=["Details", "subject"])

    assert (columns.subject, columns.text, columns.others) == (None, (3, 1), (2,))


def test_a_column_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(UnknownColumns) as caught:
        find_columns(["Id", "Subject", "Created at"], body="Descriptoin")

    assert (
        str(caught.value) == "there is no column 'Descriptoin' for --body: the file has 'Id', 'Subject', 'Created at'"
    )


def test_a_person_is_told_what_was_taken() -> None:
    assert find_columns(["Ticket ID", "Subject"]).notes == (
        "id: 'Ticket ID'",
        "subject: 'Subject'",
        "body: no column is one, so the subject alone is read",
    )
    assert find_columns(["text"]).notes == (
        "id: no column is one, so the row's number and a hash of its text are",
        "body: 'text'",
    )


def test_columns_of_one_name_are_told_apart() -> None:
    assert unique_names(["a", "a", "", "a (2)", "a", " x  y "]) == ("a", "a (3)", "column 3", "a (2)", "a (4)", "x y")


@given(st.lists(st.text(max_size=8) | st.sampled_from(["id", "ID", "Ticket #", "text", "a.id", "Body"]), max_size=6))
def test_whatever_the_header_is_columns_are_found_or_asked_for(cells: list[str]) -> None:
    names = unique_names(cells)
    assert len(set(names)) == len(names) == len(cells)

    try:
        columns = find_columns(names)
    except UnknownColumns as unknown:
        said, columns = str(unknown), None
    else:
        said = "--"
    assert "--" in said
    if columns is not None:
        assert {columns.id, columns.subject, *columns.text, *columns.others} - {None} == set(range(len(names)))
