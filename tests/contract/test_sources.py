"""Sources of a few tickets: all of them keep the same order, cursors and promises."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from nightsort.adapters.sources.config_map import ConfigMapTickets
from nightsort.adapters.sources.inline import InlineTickets
from nightsort.api.resource import Meta
from nightsort.api.spec import ConfigMapSource, InlineSource
from nightsort.domain.errors import Rejected, Stalled, Waiting
from nightsort.domain.ticket import Ticket
from nightsort.ports import ConfigMap, Source
from tests.contract.source_contract import NAMED, FileContract, MakeSource, SourceContract, read
from tests.fakes.config_maps import MemoryConfigMaps
from tests.fakes.sources import MemorySource

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
    ("t.csv", "ticket,subject,body\n1,SECRET,x\n", "line 1: the header has no column 'id'"),
    ("t.csv", "id,body\n1,SECRET\n", "line 1: the header has no column 'subject', which prompt.template names"),
    ("t.csv", "id,subject,subject,body\n", "line 1: the header has more than one column 'subject'"),
    ("t.csv", "id,subject,body\n1,a,b\n2,SECRET,b,c\n", "line 3: 4 columns where the header has 3"),
    ("t.csv", "id,subject,body\n1,a\n", "line 2: 2 columns where the header has 3"),
    ("t.csv", 'id,subject,body\n1,"a\nb",c\n2,"SECRET', "line 4: no valid CSV"),
    ("t.csv", 'id,subject,body\n1,"SECRET"x,c\n', "line 2: no valid CSV"),
    ("t.csv", 'id,subject,body\n1,"a\nb",c\n1,b,c\n', 'line 4: the id "1" was used before, by line 2'),
    ("t.csv", "id,subject,body\n,SECRET,c\n", "line 2: the id is empty"),
]


@pytest.mark.parametrize(("key", "text", "message"), BROKEN, ids=lambda value: str(value)[:40])
async def test_wrong_content_stalls_with_its_place_and_without_its_text(key: str, text: str, message: str) -> None:
    with pytest.raises(Stalled) as caught:
        await file(key, text, ("subject", "body") if key.endswith("csv") else ()).check()
    assert f"ConfigMap tickets, key {key}, {message}" in caught.value.message
    assert caught.value.reason == "InvalidSource"
    assert SECRET not in caught.value.message


async def test_a_field_of_the_template_that_no_ticket_has_is_told() -> None:
    with pytest.raises(Stalled, match=r"no ticket has the field 'priority', which prompt\.template names"):
        await file("t.json", '[{"id": "1", "body": "x"}]', ("body", "priority")).check()
    await file("t.json", '[{"id": "1"}, {"id": "2", "body": "x"}]', ("body",)).check()


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
