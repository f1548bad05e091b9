"""Sources of a few tickets: all of them keep the same order, cursors and promises."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nightsort.adapters.config_map.source import ConfigMapTickets
from nightsort.adapters.inline.source import InlineTickets
from nightsort.api.resource import Meta
from nightsort.api.source import ConfigMapSource, InlineSource
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Rejected, Stalled, Waiting
from nightsort.domain.file_kinds import flaw_in
from nightsort.domain.printable import printable
from nightsort.domain.ticket import Ticket
from nightsort.formats.tickets import EMPTY, InvalidFile, parse
from nightsort.ports import Source
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.source_contract import NAMED, FileContract, MakeSource, SourceContract, read
from nightsort.testing.sources import MemorySource

OWNER = Meta("support", "tonight", "uid-1")
Tickets = Mapping[str, Mapping[str, str]]


def inline(tickets: Tickets) -> Source:
    listed = [{"id": name, **fields} for name, fields in tickets.items()]
    return InlineTickets(InlineSource.model_validate({"tickets": listed}), ("subject", "body"))


def memory(tickets: Tickets) -> Source:
    return MemorySource([Ticket(name, fields, "") for name, fields in tickets.items()])


def file(key: str, text: str, fields: Sequence[str] = ("subject", "body"), **more: Any) -> ConfigMapTickets:
    maps = MemoryConfigMaps({("support", "tickets"): ConfigMap("tickets", {key: text}, "1")})
    return ConfigMapTickets(maps, "support", ConfigMapSource(name="tickets", key=key, **more), fields)


def csv_file(tickets: Tickets) -> Source:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("id", "subject", "body"))
    writer.writerows((name, fields["subject"], fields["body"]) for name, fields in tickets.items())
    return file("tickets.csv", "\ufeff" + text.getvalue().replace("\r\n", "\r\n\r\n"))


def json_file(tickets: Tickets) -> Source:
    return file("tickets.json", json.dumps([{"id": name, **fields} for name, fields in tickets.items()]))


def json_lines_file(tickets: Tickets) -> Source:
    lines = (json.dumps({"id": name, **fields}, ensure_ascii=False) for name, fields in tickets.items())
    return file("tickets.jsonl", "\n\n".join(lines))


class TestSourcesAtHand(SourceContract):
    @pytest.fixture(params=[inline, memory, csv_file, json_file, json_lines_file], ids=lambda make: make.__name__)
    def make_source(self, request: pytest.FixtureRequest) -> MakeSource:
        made: MakeSource = request.param
        return made

    async def test_tickets_keep_the_order_in_which_they_were_written(self, make_source: MakeSource) -> None:
        assert [ticket.id for ticket in await read(make_source(NAMED))] == list(NAMED)


class TestFilesAtHand(FileContract):
    @pytest.fixture(params=[inline, csv_file, json_file, json_lines_file], ids=lambda make: make.__name__)
    def make_file(self, request: pytest.FixtureRequest) -> MakeSource:
        made: MakeSource = request.param
        return made


async def test_pages_hold_at_most_a_thousand() -> None:
    tickets = {str(number): {"subject": "", "body": "x"} for number in range(2_500)}
    assert [len(page) async for page in csv_file(tickets).tickets()] == [1000, 1000, 500]
    assert [len(page) async for page in csv_file(tickets).tickets("10", "1510")] == [1000, 500]


async def test_the_id_is_a_field_where_the_template_names_it() -> None:
    for source in (
        InlineTickets(InlineSource.model_validate({"tickets": [{"id": "7"}]}), ("id",)),
        file("t.csv", "id\n7\n", ("id",)),
    ):
        [ticket] = await read(source)
        assert ticket.fields["id"] == "7"


# --- inline -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["42", "1", "2", "42"], 'tickets[3]: the id "42" was used before, by spec.source.inline.tickets[0]'),
        (["1", ""], "tickets[1]: the id is empty"),
        (["1", " \n"], "tickets[1]: the id is empty"),
        (["a\nb", "a\nb"], r'tickets[1]: the id "a\nb" was used before'),
        (["x" * 500, "x" * 500], f'tickets[1]: the id "{"x" * 64}…" was used before'),
        (["🎟️", "🎟️"], "tickets[1]: the id "),
        (["ab", "a\0b"], r'tickets[1]: the id "a\u0000b" has a NUL character'),
    ],
)
async def test_bad_inline_ids_are_rejected_with_their_place(ids: list[str], message: str) -> None:
    with pytest.raises(Rejected) as caught:
        await InlineTickets(InlineSource.model_validate({"tickets": [{"id": one} for one in ids]})).check()
    assert message in caught.value.message
    assert caught.value.message.startswith("spec.source.inline.tickets[")


async def test_a_template_that_names_what_inline_tickets_do_not_have_is_rejected() -> None:
    source = InlineTickets(InlineSource(tickets=()), ("body", "priority"))
    with pytest.raises(Rejected, match=r"names \$priority"):
        await source.check()


# --- files in ConfigMaps ----------------------------------------------------------------------------------------------


async def test_a_missing_config_map_or_key_is_waited_for() -> None:
    maps = MemoryConfigMaps()
    source = ConfigMapTickets(maps, "support", ConfigMapSource(name="tickets", key="a.csv"))
    with pytest.raises(Waiting, match="ConfigMap tickets does not exist") as caught:
        await source.check()
    assert caught.value.reason == "SourceMissing"
    await maps.write(OWNER, ConfigMap("tickets", {"b.csv": ""}))
    with pytest.raises(Waiting, match=r"has no key a\.csv"):
        await source.check()


async def test_content_that_is_no_utf_8_is_told() -> None:
    found = ConfigMap("tickets", {}, "1", binary={"a.csv": 7})
    maps = MemoryConfigMaps({("support", "tickets"): found})
    source = ConfigMapTickets(maps, "support", ConfigMapSource(name="tickets", key="a.csv"))
    with pytest.raises(Stalled, match=r"ConfigMap tickets, key a\.csv, line 7: not UTF-8 text") as caught:
        await source.check()
    assert caught.value.reason == "InvalidSource"


CASES = Path(__file__).parents[1] / "cases" / "files"
SECRET = "SECRET"
DEEP = "[" * 100_000
BROKEN = [
    ("t.jsonl", "\n" * 6 + '{"id": "7", "body": "SECRET', "line 7: no valid JSON at column"),
    ("t.jsonl", '{"id": "1"}\n["SECRET"]', "line 2: expected a JSON object"),
    ("t.jsonl", '{"id": "1"}\n{"ID": "SECRET"}', "line 2: the ticket has no id"),
    ("t.jsonl", '{"id": "1"}\n{"id": null}', "line 2: the id is empty"),
    ("t.jsonl", '{"id": "1"}\n\n{"id": 1}', 'line 3: the id "1" was used before, by line 1'),
    ("t.jsonl", '{"id": "' + "x" * 513 + '"}', "line 1: the id has 513 characters, more than 512"),
    ("t.jsonl", '{"id": "ab"}\n{"id": "a\\u0000b"}', r'line 2: the id "a\u0000b" has a NUL character'),
    ("t.jsonl", '{"id": ' + "1" * 5000 + "}", "line 1: no usable JSON"),
    ("t.json", DEEP, "line 1: no usable JSON"),
    ("t.json", '[{"id": "1"},\n\n{"id": SECRET}]', "line 3: no valid JSON at column 8"),
    ("t.json", '{"tickets": "SECRET"}', "expected a JSON list of tickets"),
    ("t.json", '[{"id": "1"}, "SECRET"]', "entry 2: expected a JSON object"),
    ("t.json", '[{"id": "1"}, {"id": "1"}]', 'entry 2: the id "1" was used before, by entry 1'),
    ("t.csv", "", "line 1: there is no header"),
    ("t.csv", "\n \n", "line 1: there is no header"),
    ("t.csv", "id,body\n1,SECRET\n", "line 1: the header has no column 'subject', which prompt.template names"),
    ("t.csv", "id,subject,subject,body\n", "line 1: the header has more than one column 'subject'"),
    ("t.csv", "id,subject,body\n1,a,b\n2,SECRET,b,c\n", "line 3: 4 columns where the header has 3"),
    ("t.csv", "id,subject,body\n1,a\n", "line 2: 2 columns where the header has 3"),
    ("t.csv", 'id,subject,body\n1,"a\nb",c\n2,"SECRET', "line 4: no valid CSV"),
    ("t.csv", 'id,subject,body\n1,"SECRET"x,c\n', "line 2: no valid CSV"),
    ("t.csv", 'id,subject,body\n1,"a\nb",c\n1,b,c\n', 'line 4: the id "1" was used before, by line 2'),
    ("t.csv", "id,subject,body\n,SECRET,c\n", "line 2: the id is empty"),
    ("t.csv", "", "line 1: there is no header with the names of the columns; the file is empty (0 bytes)"),
    ("t.json", "", "line 1: the file is empty (0 bytes)"),
    ("t.csv", "PK\x03\x04\x14\0SECRET", "line 1: this is a zip archive or a spreadsheet"),
    ("t.csv", "<!DOCTYPE html>\n<title>SECRET", "line 1: this is an HTML page"),
    ("t.jsonl", '<?xml version="1.0"?><SECRET/>', "line 1: this is XML"),
    ("t.csv", "i\0d\0,\0b\0", "line 1: this is UTF-16 text"),
    # no header at all
    ("t.csv", "1,SECRET,I was charged\n2,a,b\n", "which names each ticket; is its first line a ticket?"),
    ("t.csv", "1;SECRET;I was charged\n2;a;b\n", "which names each ticket; is its first line a ticket?"),
    # rows
    (
        "t.csv",
        "id,subject,body\n1,SECRET\n",
        "line 2: 2 columns where the header has 3: a cell is missing, by their order that of 'body'; write",
    ),
    (
        "t.csv",
        "id,subject,body\n1,SECRET,x,,\n",
        "line 2: 5 columns where the header has 3; remove the commas at its end",
    ),
    ("t.csv", "id,subject,body\n1,SECRET,x, y\n", "3; a value with commas, quotes or line breaks must stand in quotes"),
    # a header in the middle
    ("t.csv", "id,subject,body\n1,SECRET,b\nid,subject,body\n2,a,b\n", "line 3: a header in the middle of the file"),
    ("t.csv", "id,subject,body\n1,a,b\n\ufeffid,subject,body\n", "line 3: a header in the middle of the file"),
    ("t.csv", "id,subject,body\n1,a,b\n\n ID , Subject,BODY\n", "line 4: a header in the middle of the file"),
    ("t.csv", "id,subject,body\n1,a,b\nsubject,body,id\n", "line 3: a header in the middle of the file"),
    ("t.csv", "id,subject,body\n1,a,b\nTicket ID,Betreff,Beschreibung\n", "line 3: a header in the middle of the file"),
    ("t.csv", "id,subject,body\n1,a,b\nid,subject,body,created_at\n", "line 3: a header in the middle of the file"),
    ("t.csv", "id,subject,body\n1,a,b\n2,a,bid,subject,body\n", "line 3: 5 columns where the header has 3"),
    # ids that are none
    (
        "t.jsonl",
        '{"id": "1"}\n{"id": true, "body": "SECRET"}',
        "line 2: the id is true, which tells no ticket from another",
    ),
    (
        "t.jsonl",
        '{"id": {"$oid": "SECRET"}}',
        'line 1: the id is an object {"$oid": …}, as MongoDB exports it: take the text',
    ),
    ("t.jsonl", '{"id": {"a": "SECRET"}}', "line 1: the id is an object {…}; write it as text or as a whole number"),
    (
        "t.json",
        '[{"id": "1"}, {"id": ["SECRET"]}]',
        "entry 2: the id is a list […]; write it as text or as a whole number",
    ),
    ("t.json", '[{"id": NaN}]', "entry 1: the id is no number (NaN or Infinity)"),
    ("t.jsonl", '{"_id": {"$oid": "x"}, "body": "SECRET"}', "line 1: the ticket has no id; it has '_id': call it id"),
    ("t.jsonl", '{"SECRET": "x"}', "line 1: the ticket has no id"),
]


@pytest.mark.parametrize(("key", "text", "message"), BROKEN, ids=lambda value: str(value)[:40])
async def test_wrong_content_stalls_with_its_place_and_without_its_text(key: str, text: str, message: str) -> None:
    with pytest.raises(Stalled) as caught:
        await file(key, text, ("subject", "body") if key.endswith("csv") else ()).check()
    assert f"ConfigMap tickets, key {key}, " in caught.value.message
    assert message in caught.value.message
    assert caught.value.reason == "InvalidSource"
    assert SECRET not in caught.value.message


EXPORTS = [
    ("t.csv", "ticket,subject,body\n1,SECRET,x\n", "line 1: the header has no column 'id'"),
    (
        "t.csv",
        "sep=;\nid;subject;body\n1;SECRET;b\n",
        "line 1: the line sep=; is for spreadsheets alone: it says that semicolons",
    ),
    ("t.csv", "sep=\t\nid\tsubject\tbody\n", "line 1: the line sep=\\t is for spreadsheets alone: it says that tabs"),
    ("t.csv", "SEP=,\nid,subject,body\n1,SECRET,b\n", "line 1: the line sep=, is for spreadsheets alone: remove it"),
    (
        "t.csv",
        "id\tsubject\tbody\n1\tSECRET\tx\n",
        "ticket; tabs and not commas separate its 3 columns: save it with commas",
    ),
    ("t.csv", "id;subject;body\n1;SECRET;x\n", "ticket; semicolons and not commas separate its 3 columns"),
    ("t.csv", '"id"|"subject"|"body"\n', "; bars and not commas separate its 3 columns"),
    (
        "t.csv",
        "ID,subject,body\n1,SECRET,x\n",
        "no column 'id', which names each ticket; it has 'ID': call it id, since capitals",
    ),
    (
        "t.csv",
        "Ticket ID;Betreff;Text\n1;SECRET;x\n",
        "save it with commas; it has 'Ticket ID': call it id, if it is that",
    ),
    ("t.csv", "issue-key,subject,body\n1,SECRET,x\n", "it has 'issue-key': call it id, if it is that"),
    (
        "t.csv",
        "id,Betreff,body\n1,SECRET,x\n",
        "which prompt.template names; it has 'Betreff': call it subject, or name it in",
    ),
    (
        "t.csv",
        "id,subject,BODY\n1,SECRET,x\n",
        "it has 'BODY': call it body, or name it in prompt.template, since capitals",
    ),
]


@pytest.mark.parametrize(("key", "text", "message"), EXPORTS, ids=lambda value: str(value)[:40])
async def test_headers_in_other_words_and_separators_are_found_where_the_strict_form_is_not_met(
    key: str, text: str, message: str
) -> None:
    """What the strict reader says is what a person hears where no column is known either."""
    with pytest.raises(InvalidFile) as told:
        parse(text, "csv", ("subject", "body"))
    assert message in printable(str(told.value))
    assert SECRET not in str(told.value)
    source = file(key, text)

    await source.check()

    tickets = await read(source)
    assert len(tickets) == text.count(SECRET)
    assert all(SECRET in ticket.fields["subject"] for ticket in tickets)
    assert source.description.startswith("id: ")
    assert SECRET not in source.description


async def test_a_field_of_the_template_that_no_ticket_has_is_told() -> None:
    with pytest.raises(Stalled, match=r"no ticket has the field 'priority', which prompt\.template names"):
        await file("t.json", '[{"id": "1", "body": "x"}]', ("body", "priority")).check()
    await file("t.json", '[{"id": "1"}, {"id": "2", "body": "x"}]', ("body",)).check()


async def test_a_file_of_two_put_together_is_refused_with_the_line_of_the_second_header() -> None:
    with pytest.raises(Stalled, match="line 3: a header in the middle of the file"):
        await file("t.csv", (CASES / "doubled-header.csv").read_text()).check()


@pytest.mark.parametrize(
    "row", ["ID,Question,", "id,subject line,body", "ID,Charged twice,Subject", "no,Question about it,x", "ID,ID,"]
)
async def test_a_ticket_whose_id_or_text_is_also_the_name_of_a_column_is_one(row: str) -> None:
    assert len(await read(file("t.csv", f"id,subject,body\n1,a,b\n{row}\n"))) == 2


async def test_a_header_in_other_letters_makes_no_ticket_of_theirs_a_header() -> None:
    assert len(await read(file("t.csv", "id,件名,本文\nID,こんにちは,番号\n", ("件名",)))) == 1


async def test_a_number_with_a_point_or_an_exponent_is_an_id_as_it_is_written() -> None:
    text = (CASES / "float-ids.jsonl").read_text()
    written = ["1.10", "1e3", "12345678901234567890.0"]

    assert [ticket.id for ticket in await read(file("t.jsonl", text, ("body",)))] == written
    listed = f'[{",".join(text.splitlines())}, {{"id": 7, "body": 2.50}}, {{"id": -0.0}}, {{"id": 1E400}}]'
    tickets = await read(file("t.json", listed, ("body",)))
    assert [ticket.id for ticket in tickets] == [*written, "7", "-0.0", "1E400"]
    assert tickets[3].fields["body"] == "2.5", "what is no id stays as it was"


async def test_what_help_desks_and_spreadsheets_export_is_read_and_told_what_it_was_taken_for() -> None:
    zendesk = (CASES / "zendesk-like.csv").read_bytes().decode()
    with pytest.raises(InvalidFile, match=r"line 1: the header has no column 'id'.* it has 'Ticket ID': call it id"):
        parse(zendesk, "csv", ("subject", "body"))
    source = file("t.csv", zendesk)
    assert [ticket.id for ticket in await read(source)] == ["0000017", "0000018"]
    assert source.description == "id: 'Ticket ID'; subject: 'Subject'; body: 'Description'"
    content = (CASES / "semicolons-windows-1252.csv").read_bytes()
    flaw = flaw_in((content,))
    assert str(flaw) == (
        "line 2: not UTF-8 text, perhaps Windows-1252; save the file as UTF-8, or convert it: "
        "iconv -f WINDOWS-1252 -t UTF-8"
    )
    source = file("t.csv", content.decode("cp1252"))
    await source.check()
    assert source.description.endswith("; semicolons separate its columns")


async def test_a_help_desks_export_is_read_once_its_columns_are_called_what_was_said() -> None:
    text = (CASES / "zendesk-like.csv").read_bytes().decode().replace("Ticket ID", "id").replace("Subject", "subject")

    tickets = await read(file("t.csv", text.replace("Description", "body")))

    assert [ticket.id for ticket in tickets] == ["0000017", "0000018"]


@pytest.mark.parametrize(
    ("key", "text", "odd"),
    [
        ("t.jsonl", "", True),
        ("t.jsonl", '{"id": "1", "subject": "a", "body": "b"}', False),
        ("t.json", "[]", False),
        ("t.csv", "id,subject,body\n", False),
        ("t.csv", "\ufeffid,subject,body", False),
    ],
)
async def test_a_file_of_no_bytes_is_odd_and_one_without_tickets_is_not(key: str, text: str, odd: bool) -> None:
    remarks = await file(key, text).check()

    assert list(remarks) == ([f"ConfigMap tickets, key {key}: {EMPTY}"] if odd else [])


async def test_csv_takes_what_spreadsheets_write() -> None:
    text = '\ufeffid , subject,body,,Amount\r\n1,"a ""b"", c","two\r\nlines",note,=1+1\r\n,,,,\r\n\r\n2,,x,,\r\n'
    one, two = await read(file("t.csv", text))
    assert one.fields == {"subject": 'a "b", c', "body": "two\r\nlines", "Amount": "=1+1"}
    assert two.fields == {"subject": "", "body": "x", "Amount": ""}


async def test_a_csv_body_of_many_characters_is_read() -> None:
    [ticket] = await read(file("t.csv", "id,subject,body\n1,a," + "x" * 900_000))
    assert len(ticket.fields["body"]) == 900_000


async def test_json_values_become_text() -> None:
    text = '[{"id": 42, "subject": null, "body": "\\ud83c", "open": true, "score": 1.5, "tags": ["ä", 1]}]'
    [ticket] = await read(file("t.json", text))
    assert (ticket.id, ticket.fields) == (
        "42",
        {"subject": "", "body": "?", "open": "true", "score": "1.5", "tags": '["ä", 1]'},
    )


async def test_the_format_can_be_given_whatever_the_ending() -> None:
    [ticket] = await read(file("export.txt", "id,subject,body\n1,a,b\n", format="csv"))
    assert ticket.id == "1"


async def test_a_mended_config_map_is_read_anew() -> None:
    maps = MemoryConfigMaps()
    source = ConfigMapTickets(maps, "support", ConfigMapSource(name="tickets", key="a.json"))
    kept = await maps.write(OWNER, ConfigMap("tickets", {"a.json": "["}))
    with pytest.raises(Stalled):
        await source.check()
    await maps.write(OWNER, ConfigMap("tickets", {"a.json": '[{"id": "1"}]'}, kept.version))
    assert await source.count() == 1
