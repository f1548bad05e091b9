"""Files of resources as help desks export them, in ConfigMaps and in object storage: by their columns and dialects."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zstandard

from nightsort.adapters.config_map import source as config_map_source
from nightsort.adapters.config_map.source import ConfigMapTickets
from nightsort.adapters.object_store.file import ObjectFile
from nightsort.adapters.object_store.source import ObjectTickets
from nightsort.api.object_store import ObjectStoreSource
from nightsort.api.source import ConfigMapSource
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Stalled, Waiting
from nightsort.formats import ticket_files
from nightsort.formats.plain_form import BEGINNING_BYTES
from nightsort.formats.table import Limits
from nightsort.ports import Source
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.source_contract import NAMED, FileContract, MakeSource, SourceContract, read
from tests.contract.object_places import file_place
from tests.unit.formats.workbooks import workbook

Tickets = Mapping[str, Mapping[str, str]]
FIELDS = ("subject", "body")
SECRET = "SECRET"
HEADER = ("Ticket ID", "Created at", "Betreff", "Beschreibung")
COLUMNS = {"id": "Ticket ID", "subject": "Betreff", "body": "Beschreibung"}


def table(tickets: Tickets) -> list[list[str]]:
    rows = [[name, "2026-11-28", fields["subject"], fields["body"]] for name, fields in tickets.items()]
    return [list(HEADER), *rows]


def delimited(tickets: Tickets, delimiter: str, ending: str = "\r\n") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=ending).writerows(table(tickets))
    return text.getvalue()


def objects(tickets: Tickets) -> list[dict[str, Any]]:
    return [
        {"Ticket ID": name, "fields": {"Betreff": one["subject"], "Beschreibung": one["body"]}}
        for name, one in tickets.items()
    ]


def parquet(tickets: Tickets) -> bytes:
    import pyarrow as pa
    from pyarrow.parquet import write_table

    columns = list(zip(*table(tickets)[1:], strict=True)) or [()] * len(HEADER)
    file = io.BytesIO()
    write_table(
        pa.table({name: pa.array(cells, pa.string()) for name, cells in zip(HEADER, columns, strict=True)}), file
    )
    return file.getvalue()


@dataclass(frozen=True)
class Dialect:
    """A kind of file: its ending, how it is written, and what a source says about it."""

    ending: str
    write: Callable[[Tickets], bytes]
    said: Mapping[str, Any] = field(default_factory=dict)


IN_JSON = {"columns": {"id": "Ticket ID", "subject": "fields.Betreff", "body": "fields.Beschreibung"}}
DIALECTS = {
    "semicolons": Dialect("csv", lambda tickets: delimited(tickets, ";").encode(), {"columns": COLUMNS}),
    "tabs": Dialect("tsv", lambda tickets: delimited(tickets, "\t", "\n").encode(), {"columns": COLUMNS}),
    "tabs by another name": Dialect(
        "txt", lambda tickets: delimited(tickets, "\t").encode(), {"format": "csv", "delimiter": "tab"}
    ),
    "UTF-16": Dialect(
        "csv", lambda tickets: delimited(tickets, ";").encode("utf-16"), {"encoding": "utf-16", "columns": COLUMNS}
    ),
    "GB 18030": Dialect("csv.gz", lambda tickets: gzip.compress(delimited(tickets, ",").encode("gb18030")),
                        {"encoding": "gb18030"}),
    "a spreadsheet": Dialect("xlsx", lambda tickets: workbook({"A": table(tickets)}), {"columns": COLUMNS}),
    "a packed spreadsheet": Dialect("xlsx.zst", lambda tickets: zstandard.compress(workbook({"A": table(tickets)}))),
    "Parquet": Dialect("parquet", parquet, {"columns": {"subject": "Betreff"}}),
    "JSON lines": Dialect(
        "ndjson.gz",
        lambda tickets: gzip.compress("".join(json.dumps(one) + "\n" for one in objects(tickets)).encode()),
        IN_JSON,
    ),
}  # fmt: skip


def in_config_map(dialect: Dialect, content: bytes, fields: tuple[str, ...] = FIELDS) -> ConfigMapTickets:
    key = f"tickets.{dialect.ending}"
    maps = MemoryConfigMaps({("support", "t"): ConfigMap("t", {}, "1", raw={key: content})})
    spec = ConfigMapSource.model_validate({"name": "t", "key": key, **dialect.said})
    return ConfigMapTickets(maps, "support", spec, fields)


def in_store(folder: Path, dialect: Dialect, *contents: bytes, fields: tuple[str, ...] = FIELDS) -> ObjectTickets:
    place = file_place(folder)
    for number, content in enumerate(contents):
        place.objects.put(f"tickets-{number}.{dialect.ending}", content)
    spec = ObjectStoreSource.model_validate({"url": f"{place.url}tickets-*.{dialect.ending}", **dialect.said})
    return ObjectTickets(spec, place.options, fields, place.policy)


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


@pytest.fixture(params=["config map", "object store"])
def make_file(request: pytest.FixtureRequest, tmp_path: Path, dialect: Dialect) -> MakeSource:
    def make(tickets: Tickets) -> Source:
        content = dialect.write(tickets)
        return (
            in_config_map(dialect, content) if request.param == "config map" else in_store(tmp_path, dialect, content)
        )

    return make


class TestDialects(SourceContract):
    @pytest.fixture
    def make_source(self, make_file: MakeSource) -> MakeSource:
        return make_file


class TestCursorsOfDialects(FileContract):
    pass


async def test_a_list_in_an_answer_is_read(tmp_path: Path) -> None:
    dialect = Dialect("json", lambda tickets: json.dumps({"count": 9, "tickets": objects(tickets)}).encode(), IN_JSON)
    for source in (in_config_map(dialect, dialect.write(NAMED)), in_store(tmp_path, dialect, dialect.write(NAMED))):
        await source.check()
        assert [ticket.id for ticket in await read(source)] == list(NAMED)


EXPORT = "Ticket ID;Erstellt am;Betreff;Frage;Antwort\r\n7;heute;Gebühr;Warum?;Darum.\r\n8;gestern;Zugang;Wie?;\r\n"
TEXTS: dict[str, Any] = {"columns": {"subject": "Betreff"}, "textColumns": ["Frage", "Antwort"]}


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-8"])
async def test_several_columns_make_up_the_body_and_others_are_named_by_the_template(encoding: str) -> None:
    dialect = Dialect("csv", lambda _: b"", TEXTS | {"encoding": encoding})
    source = in_config_map(dialect, EXPORT.encode(encoding), ("subject", "body", "Erstellt am", "id"))
    await source.check()
    one, two = await read(source)
    assert one.fields == {"id": "7", "subject": "Gebühr", "body": "Warum?\n\nDarum.", "Erstellt am": "heute"}
    assert two.fields["body"] == "Wie?"


async def test_text_under_data_has_no_encoding_of_its_own() -> None:
    maps = MemoryConfigMaps({("support", "t"): ConfigMap("t", {"t.csv": EXPORT}, "1")})
    spec = ConfigMapSource.model_validate({"name": "t", "key": "t.csv", "encoding": "windows-1252", **TEXTS})
    [one, _] = await read(ConfigMapTickets(maps, "support", spec, FIELDS))
    assert one.fields["subject"] == "Gebühr"


WRONG: dict[str, tuple[str, dict[str, Any], bytes, str]] = {
    "a code page that is not told": (
        "csv", {}, EXPORT.replace("Betreff", "Gebühr;Betreff").encode("cp1252"),
        "line 1: not UTF-8 text, perhaps Windows-1252",
    ),
    "a code page behind the header": (
        "csv", {"delimiter": ";"} | TEXTS, EXPORT.encode("cp1252"), "or say how it is encoded with encoding",
    ),
    "another encoding than is told": (
        "csv", {"encoding": "ascii"} | TEXTS, EXPORT.encode(), "line 2: not ascii text: say with encoding what it is",
    ),
    "no such column": (
        "csv", {"columns": {"id": "Number"}}, EXPORT.encode(),
        "there is no column 'Number' for columns.id: the file has 'Ticket ID', 'Erstellt am', 'Betreff'",
    ),
    "no column of a text": (
        "csv", {"columns": {"subject": "Betreff"}, "textColumns": ["Question"]}, EXPORT.encode(),
        "there is no column 'Question' for textColumns",
    ),
    "no body": (
        "tsv", {}, b"id\tBetreff\tSonstiges\n1\tSECRET\tx\n",
        "no column is known to be the body, which prompt.template names: say which is with columns.body",
    ),
    "two columns that could be the id": (
        "tsv", {}, b"ID\tTicket ID\tBetreff\tText\n1\t2\tSECRET\tx\n", "could be the id, 'ID', 'Ticket ID': say which",
    ),
    "no header": ("tsv", {}, b"1\tSECRET\tSECRET text\n", "is its first line a ticket?"),
    "a short row": (
        "tsv", {}, b"id\tsubject\tbody\n1\ta\tb\n2\tSECRET\n",
        "line 3: fewer cells than the header's 3 columns, the last of which is 'body'",
    ),
    "the separator in a value": ("tsv", {}, b"id\tsubject\tbody\n1\ta\tb\tSECRET\n", "line 2: more cells than"),
    "an open quote": ("tsv", {}, b'id\tsubject\tbody\n1\t"SECRET\tb\n', "line 2: a quote is opened in this row"),
    "an empty id": ("tsv", {}, b"id\tsubject\tbody\n\tSECRET\tb\n", "line 2: the id is empty"),
    "an id twice": ("tsv", {}, b"id\tsubject\tbody\n1\tSECRET\tb\n1\ta\tb\n", 'the id "1" was used before'),
    "0 bytes": ("tsv", {}, b"", "line 1: the file is empty (0 bytes)"),
    "no spreadsheet": ("xlsx", {}, b"id,subject\n1,SECRET\n", "this is no spreadsheet, whatever its name says"),
    "several sheets": (
        "xlsx", {}, workbook({"A": [["id"], ["1"]], "B": [["id"], ["2"]]}), "'A', 'B': name one with the field sheet",
    ),
    "no such sheet": ("xlsx", {"sheet": "C"}, workbook({"A": [["id"], ["1"]]}), "there is no sheet 'C': it has 'A'"),
    "no Parquet": ("parquet", {}, b"SECRET", "this is no Parquet file"),
    "UTF-16 without a mark": (
        "tsv", {}, "id\tsubject\tbody\n".encode("utf-16-le"), "read it with encoding: utf-16-le",
    ),
    "a cut archive": ("tsv.gz", {}, gzip.compress(b"id\tsubject\tbody\n" * 99)[:-9], "cut"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_wrong_is_named_before_anything_is_bought_and_without_a_tickets_text(
    case: str, tmp_path: Path
) -> None:
    ending, said, content, message = WRONG[case]
    dialect = Dialect(ending, lambda _: content, said)
    for source in (in_config_map(dialect, content), in_store(tmp_path, dialect, content)):
        with pytest.raises(Stalled) as told:
            await source.check()
        assert message in told.value.message
        assert told.value.reason == "InvalidSource"
        assert SECRET not in told.value.message
        assert "--" not in told.value.message, "a resource has fields and no flags"


@pytest.mark.parametrize("form", ["tsv", "jsonl"])
async def test_a_large_object_is_read_from_any_place_on(tmp_path: Path, form: str) -> None:
    """Larger than what is kept of its beginning."""
    tickets = {str(number): {"subject": "Grüße", "body": "ü" * 400} for number in range(600)}
    said = {"columns": COLUMNS}
    dialect = Dialect("tsv", lambda tickets: delimited(tickets, "\t").encode(), said)
    if form == "jsonl":
        dialect = Dialect(
            "jsonl", lambda tickets: "".join(json.dumps(one) + "\n" for one in objects(tickets)).encode(), IN_JSON
        )
    content = dialect.write(tickets)
    assert len(content) > BEGINNING_BYTES
    source = in_store(tmp_path, dialect, content, dialect.write({"more": {"subject": "a", "body": "b"}}))
    await source.check()

    there = await read(source)

    assert [ticket.id for ticket in there] == [*tickets, "more"]
    for number in (0, 299, 598, 599):
        assert await read(source, after=there[number].cursor) == there[number + 1 :]


def test_a_small_object_is_fetched_once_and_a_large_one_once_for_each_pass() -> None:
    fetched = []

    def fetch() -> io.BufferedReader:
        fetched.append(1)
        return io.BufferedReader(io.BytesIO(content))

    for content, times in ((b"x" * 100, 1), (b"x" * (BEGINNING_BYTES + 9), 3)):
        fetched.clear()
        file = ObjectFile("t.csv", fetch)
        for _ in range(3):
            with file.content() as whole:
                assert whole.read() == content
        assert len(fetched) == times


async def test_an_object_that_changes_between_two_passes_is_waited_for(tmp_path: Path) -> None:
    """Its first objects give the names of the columns, in a pass of its own."""
    dialect = Dialect("jsonl", lambda _: b"", IN_JSON)
    one, other = (
        b"".join(
            json.dumps(one).encode() + b"\n"
            for one in objects({str(number): {"subject": word, "body": "b" * 3000} for number in range(300)})
        )
        for word in "ab"
    )
    source = in_store(tmp_path, dialect, one)
    contents = iter((one, other))
    source._fetched = lambda name: io.BufferedReader(io.BytesIO(next(contents)))  # type: ignore[method-assign]

    with pytest.raises(Waiting, match="the objects are being changed"):
        source._check()


async def test_a_packed_file_of_a_config_map_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_map_source, "MOST_CHARS", 10_000)
    content = gzip.compress(b"id\tsubject\tbody\n" + b"".join(b"%d\ta\t%s\n" % (n, b"x" * 500) for n in range(100)))
    with pytest.raises(Stalled, match="more than 10,000 characters of tickets; put the file into object storage"):
        await in_config_map(Dialect("tsv.gz", lambda _: content), content).check()


@pytest.mark.parametrize("dialect_of", ["a spreadsheet", "Parquet"])
async def test_what_is_held_in_memory_has_bounds(monkeypatch: pytest.MonkeyPatch, dialect_of: str) -> None:
    dialect = DIALECTS[dialect_of]
    content = dialect.write(NAMED)
    monkeypatch.setattr(ticket_files, "LIMITS", Limits(sheet_bytes=99, parquet_bytes=99))
    with pytest.raises(Stalled, match="of more than 99 bytes"):
        await in_config_map(dialect, content).check()
