"""Files of any bytes, packed or not: tickets come out of them, or one error that says where; nothing else."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from nightsort.api.model import Format
from nightsort.api.source import ConfigMapSource
from nightsort.formats import bounded_json, compression
from nightsort.formats.compression import DamagedArchive, unpacked
from nightsort.formats.ticket_files import TicketFiles
from nightsort.formats.tickets import MOST_COLUMNS, NEWLINES, Entry, InvalidFile, entries, refuse_other_kinds
from nightsort.formats.unchanged import HeldFile
from nightsort.formats.unusable import Changing
from tests.support.memory import memory_below
from tests.support.spoilt import spoilt

MEBIBYTE = 1024 * 1024
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "json")
PACKERS: dict[str, Callable[[bytes], bytes]] = {"t.gz": gzip.compress, "t.zst": zstandard.compress}
PIECES = [
    *(b"\xff", b"\x00", b"\xed\xa0\x80", b"\\ud800", b"[" * 3000, b"]" * 3000, b'{"a":' * 300, b"9" * 5000),
    *(
        b"1e999",
        b"-1",
        b"null",
        b"true",
        b"NaN",
        b'""',
        b"{}",
        b"[]",
        b"\n",
        b"\r",
        b"\r\n",
        b'"',
        b"\\",
        b",",
        b"\x1c",
    ),
    *(b'{"id": 1}', b'{"id": 1.10}', b'{"id": {}}', b"id,body\n", b"\xef\xbb\xbf", "\u2028".encode(), b"sep=;\n"),
]
SAMPLES = [
    b'id,body\n1,"a ""b"" \n c"\n2,\n',
    b'{"id": "1", "body": "x"}\n{"id": 2}\n',
    b'[{"id": "1"}, {"id": 2}]',
    b"",
]
MEMBERS = st.lists(st.binary(max_size=3000), max_size=6)


def read(content: bytes, kind: Format, name: str = "t") -> list[Entry]:
    """As the sources do."""
    file = unpacked(io.BufferedReader(io.BytesIO(content)), name)
    refuse_other_kinds(file.peek(512)[:512])
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline=NEWLINES[kind])
    return list(entries(text, kind, ["body"] if kind == "csv" else []))


@given(content=st.binary(max_size=200) | spoilt(SAMPLES, PIECES), kind=st.sampled_from(FORMATS))
@settings(max_examples=1000, deadline=None)
def test_any_bytes_are_tickets_or_one_error_with_its_place(content: bytes, kind: Format) -> None:
    try:
        found = read(content, kind)
    except UnicodeDecodeError:
        return
    except InvalidFile as invalid:
        assert str(invalid).startswith(("line ", "entry ", "expected ", "a JSON list "))  # noqa: PT017 - or it is read
        return
    for entry in found:
        assert all(isinstance(text, str) and text.encode() is not None for text in entry.fields.values())
        assert "id" in entry.fields
    assert [entry.number for entry in found] == sorted({entry.number for entry in found})


SAID: list[dict[str, object]] = [
    {},
    {"format": "tsv"},
    {"format": "json", "columns": {"id": "id", "body": "id"}},
    {"format": "jsonl", "encoding": "utf-16"},
    {"format": "csv", "encoding": "windows-1252", "delimiter": ";"},
    {"format": "xlsx"},
    {"format": "parquet"},
]


@given(
    content=st.binary(max_size=200) | spoilt([*SAMPLES, b"Ticket ID;Text\r\n1;\xfc\r\n"], PIECES),
    said=st.sampled_from(SAID),
    name=st.sampled_from(["t.csv", "t.json.gz"]),
)
@settings(max_examples=500, deadline=None)
def test_any_bytes_of_a_resources_file_are_tickets_or_one_error(
    content: bytes, said: dict[str, object], name: str
) -> None:
    source = ConfigMapSource.model_validate({"name": "t", "key": name, **said})
    packed = gzip.compress(content) if name.endswith("gz") else content
    try:
        found = list(TicketFiles(source, ("body",)).entries(HeldFile(Path(name), packed)))
    except (InvalidFile, Changing) as wrong:
        assert "\n" not in str(wrong)  # noqa: PT017 - or it is read
        return
    assert all("id" in entry.fields for entry in found)
    assert [entry.number for entry in found] == sorted({entry.number for entry in found})


@given(
    rows=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=8),
    kind=st.sampled_from(("csv", "jsonl", "json")),
)
@settings(max_examples=300, deadline=None)
def test_what_a_program_has_written_is_read_as_it_was(rows: list[tuple[str, str]], kind: Format) -> None:
    fields = [{"id": f"i{number}{ticket_id}", "body": body} for number, (ticket_id, body) in enumerate(rows)]
    if kind == "csv":
        file = io.StringIO()
        writer = csv.DictWriter(file, ["id", "body"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(fields)
        content = file.getvalue()
    else:
        content = json.dumps(fields) if kind == "json" else "".join(json.dumps(each) + "\n" for each in fields)

    assert [entry.fields for entry in read(content.encode(), kind)] == fields


# --- archives ---------------------------------------------------------------------------------------------------------


def content_of(archive: bytes, name: str) -> bytes:
    return unpacked(io.BufferedReader(io.BytesIO(archive)), name).read()


@given(members=MEMBERS, name=st.sampled_from(sorted(PACKERS)))
@settings(max_examples=200, deadline=None)
def test_an_archive_of_several_members_is_all_of_them(members: list[bytes], name: str) -> None:
    archive = b"".join(map(PACKERS[name], members))

    assert content_of(archive, name) == b"".join(members)


@given(members=MEMBERS.filter(any), name=st.sampled_from(sorted(PACKERS)), cut=st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_an_archive_that_is_cut_within_its_last_member_is_never_taken_for_whole(
    members: list[bytes], name: str, cut: int
) -> None:
    *whole, last = map(PACKERS[name], members)
    kept = b"".join(whole) + last[: max(len(last) - cut, 1)]

    with pytest.raises(DamagedArchive):
        content_of(kept, name)


PACKED = {name: [pack(b'{"id": 1}\n' * 50) for pack in (PACKERS[name],)] for name in PACKERS}


@given(data=st.data(), name=st.sampled_from(sorted(PACKERS)))
@settings(max_examples=600, deadline=None)
def test_any_bytes_are_an_archive_or_a_damaged_one(data: st.DataObject, name: str) -> None:
    pieces = [b"\x1f\x8b\x08\x08", b"\x28\xb5\x2f\xfd", b"\x00" * 30, b"\xff" * 30, *PACKED["t.gz"], *PACKED["t.zst"]]
    content = data.draw(st.binary(max_size=100) | spoilt(PACKED[name], pieces))
    try:
        assert len(content_of(content, name)) < MEBIBYTE
    except DamagedArchive as damage:
        assert str(damage)  # noqa: PT017 - or it is unpacked


def rle_frame(blocks: int, window: int = 0x38) -> bytes:
    """A frame of zstd whose blocks say in four bytes "128 KiB of x"; `window` is the descriptor of its header."""
    block = ((128 * 1024) << 3 | 0b010).to_bytes(3, "little") + b"x"
    last = (0 << 3 | 0b001).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd\x00" + bytes([window]) + block * blocks + last


ENDLESS = {
    "a gzip of zeros": ("t.gz", lambda: gzip.compress(b"\0" * 200 * MEBIBYTE)),
    "a zstd of zeros": ("t.zst", lambda: zstandard.compress(b"\0" * 200 * MEBIBYTE)),
    "a zstd of four bytes for each 128 KiB": ("t.zst", lambda: rle_frame(1600)),
    "empty members of gzip": ("t.gz", lambda: gzip.compress(b"") * 20_000),
    "empty frames of zstd": ("t.zst", lambda: zstandard.compress(b"") * 100_000),
    "frames that zstd skips": ("t.zst", lambda: b"\x50\x2a\x4d\x18\0\0\0\0" * 100_000 + zstandard.compress(b"")),
    "a gzip whose name has no end": ("t.gz", lambda: b"\x1f\x8b\x08\x08\0\0\0\0\0\0" + b"n" * 2 * MEBIBYTE),
}


@pytest.mark.parametrize("endless", ENDLESS.values(), ids=ENDLESS)
def test_an_archive_is_unpacked_in_little_memory_whatever_it_stands_for(
    endless: tuple[str, Callable[[], bytes]],
) -> None:
    name, make = endless
    archive = make()
    with memory_below(24 * MEBIBYTE), suppress(DamagedArchive):
        file = unpacked(io.BufferedReader(io.BytesIO(archive)), name)
        while file.read(MEBIBYTE):
            pass


def test_an_archive_that_demands_more_memory_than_there_is_is_told() -> None:
    wide = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=26, enable_ldm=True)
    ).compressobj()
    archive = wide.compress(b"x" * MEBIBYTE) + wide.flush()

    with pytest.raises(DamagedArchive, match="takes more than 32 MiB of memory to unpack: pack it again without"):
        content_of(archive, "t.zst")


def test_the_window_of_a_usual_level_is_unpacked() -> None:
    packer = zstandard.ZstdCompressor(level=20).compressobj()
    archive = packer.compress(b"x" * MEBIBYTE) + packer.flush()

    assert len(content_of(archive, "t.zst")) == MEBIBYTE
    assert compression.LARGEST_WINDOW == 32 * MEBIBYTE


# --- JSON -------------------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text('a"\\,[]{}:\n', max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=30,
)


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_json_that_is_not_too_much_is_what_it_says(value: object) -> None:
    assert bounded_json.parsed(json.dumps(value)) == value


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_no_text_hides_values_from_the_count(value: object) -> None:
    def count(item: object) -> int:
        inner = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else []
        return 1 + sum(map(count, inner))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded_json, "MOST_VALUES", 0)
        signs = bounded_json.signs_in(json.dumps(value))
    assert signs >= count(value) / 2 - 1
    assert signs <= 2 * count(value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 5000 + "]" * 5000, "[" * 102 + "]" * 102])
def test_json_of_any_depth_is_told_and_ends_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r"nested more than 100 levels deep|Expecting"):
        bounded_json.parsed(text)


def test_a_header_may_have_as_many_columns_as_a_spreadsheet() -> None:
    names = ["id", "body", *(f"c{number}" for number in range(MOST_COLUMNS - 2))]

    assert len(read(f"{','.join(names)}\n1{',' * (MOST_COLUMNS - 1)}\n".encode(), "csv")) == 1
