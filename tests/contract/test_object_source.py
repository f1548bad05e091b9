"""Tickets from files in object storage: on a real S3 server, and in directories of local mode."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import zstandard

from nightsort.adapters.object_store import source, store
from nightsort.adapters.object_store.cursor import MOST_CURSOR_CHARS
from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.source import ObjectTickets
from nightsort.adapters.object_store.store import Folder
from nightsort.api.object_store import ObjectStoreSource
from nightsort.domain.errors import Rejected, SourceChanged, Stalled, Waiting
from nightsort.formats import tickets as ticket_files
from nightsort.formats.tickets import EMPTY
from nightsort.testing.source_contract import FileContract, MakeSource, SourceContract, read
from tests.contract.object_places import Place, file_place, place
from tests.servers import s3
from tests.servers.s3 import Bucket

__all__ = ["place"]  # a fixture

Tickets = Mapping[str, Mapping[str, str]]
FIELDS = ("subject", "body")
SECRET = "SECRET"


def as_json_lines(tickets: Tickets) -> bytes:
    lines = (json.dumps({"id": name, **fields}, ensure_ascii=False) for name, fields in tickets.items())
    return "\n\n".join(lines).encode()


def as_json(tickets: Tickets) -> bytes:
    return json.dumps([{"id": name, **fields} for name, fields in tickets.items()]).encode()


def as_csv(tickets: Tickets) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("id", "subject", "body"))
    writer.writerows((name, fields["subject"], fields["body"]) for name, fields in tickets.items())
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def in_frames(content: bytes) -> bytes:
    """zstd as parallel tools write it: one frame behind the other."""
    half = len(content) // 2
    return b"".join(zstandard.compress(part) for part in (content[:half], content[half:]))


WRITERS: dict[str, Callable[[Tickets], bytes]] = {
    "jsonl": as_json_lines,
    "json": as_json,
    "csv": as_csv,
    "jsonl.gz": lambda tickets: gzip.compress(as_json_lines(tickets)),
    "csv.zst": lambda tickets: in_frames(as_csv(tickets)),
}


def source_at(place: Place, pattern: str, fields: Sequence[str] = FIELDS, **more: Any) -> ObjectTickets:
    return ObjectTickets(ObjectStoreSource(url=place.url + pattern, **more), place.options, fields, place.policy)


def halves(tickets: Tickets) -> tuple[Tickets, Tickets]:
    names = list(tickets)
    middle = len(names) // 2
    return {name: tickets[name] for name in names[:middle]}, {name: tickets[name] for name in names[middle:]}


@pytest.mark.parametrize("kind", WRITERS)
class TestObjects(SourceContract):
    @pytest.fixture
    def make_source(self, place: Place, kind: str) -> MakeSource:
        """The tickets stand in two objects of a folder, beside others."""

        def make(tickets: Tickets) -> ObjectTickets:
            place.objects.put(f"nightly/notes.{kind}.txt", b"\xff")
            for number, part in enumerate(halves(tickets), 1):
                place.objects.put(f"nightly/tickets-{number}.{kind}", WRITERS[kind](part))
            return source_at(place, f"nightly/tickets-*.{kind}")

        return make


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv.zst"])
class TestOneObject(FileContract):
    @pytest.fixture
    def make_file(self, tmp_path: Path, kind: str) -> MakeSource:
        place = file_place(tmp_path)

        def make(tickets: Tickets) -> ObjectTickets:
            place.objects.put(f"tickets.{kind}", WRITERS[kind](tickets))
            return source_at(place, f"tickets*.{kind}")

        return make


def line(ticket_id: str, body: str = "x") -> bytes:
    return json.dumps({"id": ticket_id, "subject": "", "body": body}).encode() + b"\n"


async def ids(source: ObjectTickets, after: str | None = None) -> list[str]:
    return [ticket.id for ticket in await read(source, after)]


async def test_objects_are_read_in_the_order_of_their_names(place: Place) -> None:
    for name in ("b", "a", "ä", "a-10", "a-9", "Z"):
        place.objects.put(f"{name}.jsonl", line(name))
    assert await ids(source_at(place, "*.jsonl")) == ["Z", "a-10", "a-9", "a", "b", "ä"]


async def test_a_wildcard_stands_for_what_is_no_slash(place: Place) -> None:
    for name in ("t-1/a", "t-2/a", "t-2/b/a", "t-10/a", "t-/a", "t-[1]/a", "a"):
        place.objects.put(f"in/{name}.jsonl", line(name))
    assert await ids(source_at(place, "in/t-?/*.jsonl")) == ["t-1/a", "t-2/a"]
    assert await ids(source_at(place, "in/t-*/a.jsonl")) == ["t-/a", "t-1/a", "t-10/a", "t-2/a", "t-[1]/a"]
    assert await ids(source_at(place, "in/t-[1]/a.jsonl")) == ["t-[1]/a"]


async def test_an_object_that_is_not_there_yet_is_waited_for(place: Place) -> None:
    for pattern in ("later/tickets.jsonl", "later/*.jsonl"):
        with pytest.raises(Waiting, match=r"there is no object .*; it may come later") as told:
            await source_at(place, pattern).check()
        assert told.value.reason == "SourceMissing"

    place.objects.put("later/tickets.jsonl", line("1"))

    for pattern in ("later/tickets.jsonl", "later/*.jsonl"):
        await source_at(place, pattern).check()


async def test_what_comes_later_is_read_behind_the_cursor(place: Place) -> None:
    place.objects.put("t-1.jsonl", line("1") + line("2"))
    cursor = (await read(source_at(place, "t-*.jsonl")))[-1].cursor
    place.objects.put("t-1.jsonl", line("1") + line("2") + line("3"))
    place.objects.put("t-2.jsonl", line("4"))
    assert await ids(source_at(place, "t-*.jsonl"), cursor) == ["3", "4"]


async def test_a_file_of_the_cursor_that_is_gone_stalls(place: Place) -> None:
    place.objects.put("t-1.jsonl", line("1") + line("2"))
    place.objects.put("t-3.jsonl", line("3"))
    first, second, _ = (ticket.cursor for ticket in await read(source_at(place, "t-*.jsonl")))
    place.objects.put("t-2.jsonl", line("1") + line("2"))
    place.objects.delete("t-1.jsonl")

    for wanted in ({"after": first}, {"after": second}, {"through": second}):
        with pytest.raises(SourceChanged, match=r"object t-1\.jsonl, line or entry \d: the tickets up to here"):
            await read(source_at(place, "t-*.jsonl"), **wanted)


async def test_an_id_is_the_same_whether_its_line_is_read_or_skipped(place: Place) -> None:
    lines = [
        b'{"id": "1", "id": "2"}',
        b'{"\\u0069d": "3"}',
        b'{"id": 4}',
        b'{"id": "\\ud83d\\ude21"}',
        b'{"id": "\\ud83d"}',
        '{"body": {"id": "6"}, "id": "größe"}'.encode(),
        b'{"id": "7", "score": NaN}',
        b'{"id": "8", "id": null, "id": "9"}',
        b'{"id": 1.10}',
        b'{"id": 1e3}',
        b'{"id": "10", "deep": ' + b"[" * 90 + b"]" * 90 + b"}",
    ]
    place.objects.put("t.jsonl", b"\n".join(lines))
    there = await read(source_at(place, "t.jsonl", ()))
    assert [ticket.id for ticket in there[:5]] == ["2", "3", "4", "\U0001f621", "?"]
    for number, ticket in enumerate(there, 1):
        assert await read(source_at(place, "t.jsonl", ()), after=ticket.cursor) == there[number:]


async def test_pages_hold_at_most_a_thousand_tickets_and_fewer_where_they_are_long(place: Place) -> None:
    place.objects.put("t.jsonl", b"".join(line(str(number)) for number in range(1500)))
    assert [len(page) async for page in source_at(place, "t.jsonl").tickets()] == [1000, 500]
    place.objects.put("t.jsonl", b"".join(line(str(number), "x" * 3_000_000) for number in range(4)))
    assert [len(page) async for page in source_at(place, "t.jsonl").tickets()] == [3, 1]


async def test_the_format_can_be_given_whatever_the_ending(place: Place) -> None:
    place.objects.put("part-0001", b"id,subject,body\n1,a,b\n")
    place.objects.put("part-0002.gz", gzip.compress(b"id,subject,body\n2,a,b\n"))
    assert await ids(source_at(place, "part-*", format="csv")) == ["1", "2"]


async def test_the_id_is_a_field_where_the_template_names_it(place: Place) -> None:
    place.objects.put("t.jsonl", line("7"))
    [ticket] = await read(source_at(place, "t.jsonl", ("id",)))
    assert ticket.fields["id"] == "7"


BROKEN = [
    ("jsonl", b"\n" * 6 + b'{"id": "7", "body": "SECRET', "line 7: no valid JSON at column"),
    ("jsonl", b'{"id": "1"}\n{"ID": "SECRET"}', "line 2: the ticket has no id"),
    ("jsonl", b'{"id": "1"}\n{"id": ""}', "line 2: the id is empty"),
    ("jsonl", b'{"id": "ab"}\n{"id": "a\\u0000b"}', r'line 2: the id "a\u0000b" has a NUL character'),
    ("jsonl", b'{"id": "1"}\n\n{"id": 1}', 'line 3: the id "1" was used before, by object t.jsonl, line 1'),
    ("json", b'[{"id": "1"}, "SECRET"]', "entry 2: expected a JSON object"),
    ("csv", b"", "line 1: there is no header"),
    ("csv", b"ticked,body\n1,SECRET\n", "line 1: the header has no column 'id'"),
    ("csv", b"id,body\n1,b\n2,SECRET,c\n", "line 3: 3 columns where the header has 2"),
]


@pytest.mark.parametrize(("kind", "content", "message"), BROKEN, ids=[message for _, _, message in BROKEN])
async def test_a_broken_line_is_named_by_object_and_line_and_without_its_text(
    place: Place, kind: str, content: bytes, message: str
) -> None:
    place.objects.put(f"t.{kind}", content)
    with pytest.raises(Stalled) as told:
        await source_at(place, f"*.{kind}", ()).check()
    assert told.value.message.startswith(f"source.objectStore: object t.{kind}, {message}")
    assert told.value.reason == "InvalidSource"
    assert SECRET not in told.value.message


async def test_an_id_that_stands_in_two_objects_is_told_with_both_places(place: Place) -> None:
    place.objects.put("t-1.jsonl", b"".join(line(str(number)) for number in range(1000)))
    place.objects.put("t-2.jsonl", line("a") + line("500"))
    with pytest.raises(
        Stalled, match=r'object t-2\.jsonl, line 2: the id "500" was used before, by object t-1\.jsonl, line 501'
    ):
        await source_at(place, "t-*.jsonl").check()


async def test_a_field_of_the_template_that_no_ticket_has_is_told(place: Place) -> None:
    place.objects.put("t-1.jsonl", b'{"id": "1"}')
    place.objects.put("t-2.jsonl", b'{"id": "2", "priority": 1}')
    await source_at(place, "t-*.jsonl", ("priority",)).check()
    with pytest.raises(Stalled, match="no ticket has the field 'urgency'"):
        await source_at(place, "t-*.jsonl", ("priority", "urgency")).check()


@pytest.mark.parametrize("name", ["t.jsonl.gz", "t.jsonl.zst"])
async def test_an_archive_that_was_cut_is_told_rather_than_read_as_if_it_were_whole(place: Place, name: str) -> None:
    content = b"".join(line(str(number)) for number in range(5000))
    packed = gzip.compress(content) if name.endswith("gz") else zstandard.compress(content)
    for kept in (packed[: len(packed) * 2 // 3], packed[:-3], b"no archive"):
        place.objects.put(name, kept)
        with pytest.raises(Stalled, match="is not what its ending says, or was cut"):
            await source_at(place, name).check()
    place.objects.put(name, packed)
    await source_at(place, name).check()


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.zst"])
async def test_text_that_is_not_utf_8_is_told_with_its_line(place: Place, name: str) -> None:
    before = "id,subject,body\n" + "".join(f"{number},ü,{'€' * 100}\n" for number in range(5_000))
    bad = {"5,Grüße,x\n".encode("latin-1"): 5_002, b"6,x,y\n7,\xe2\x82": 5_003}
    for end, number in bad.items():
        place.objects.put(name, packed(name, before.encode() + end))
        with pytest.raises(Stalled, match=rf"object {re.escape(name)}, line {number}: not UTF-8 text") as told:
            await source_at(place, name).check()
        assert told.value.reason == "InvalidSource"


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zst", "t.jsonl.gz"])
async def test_an_archive_that_was_cut_and_is_not_utf_8_is_told_rather_than_waited_for(place: Place, name: str) -> None:
    random = Random(7)
    lines = [f"{number},Grüße,{random.getrandbits(400):x}\n".encode("latin-1") for number in range(20_000)]
    whole = packed(name, b"id,subject,body\n" + b"".join(lines))
    for kept in (len(whole) * 2 // 3, len(whole) - 3):
        place.objects.put(name, whole[:kept])
        with pytest.raises(Stalled, match=r"is not what its ending says, or was cut|line \d+: not UTF-8 text|no valid"):
            await source_at(place, name).check()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", b"PK\x03\x04\x14\0\xff", "this is a zip archive or a spreadsheet"),
        ("t.csv", gzip.compress(b"id,subject,body\n", mtime=0), "this is gzip: unpack it, or let its name end in .gz"),
        ("t.csv.gz", gzip.compress(zstandard.compress(b"id\n"), mtime=0), "this is zstd"),
        ("t.jsonl", "id".encode("utf-16"), "this is UTF-16 text"),
        ("t.jsonl", b"\n <html><body>Sign in</body>", "this is an HTML page"),
        ("t.csv", b"SQLite format 3\0", "this is an SQLite database"),
    ],
)
async def test_a_file_of_another_kind_is_told_as_what_it_is(place: Place, name: str, content: bytes, told: str) -> None:
    place.objects.put(name, content)
    with pytest.raises(Stalled, match=told):
        await source_at(place, name).check()


async def test_objects_of_no_bytes_are_odd_and_objects_without_tickets_are_not(place: Place) -> None:
    place.objects.put("t-1.jsonl", line("1"))
    place.objects.put("t-2.jsonl", b"")
    place.objects.put("t-3.jsonl.gz", b"")
    place.objects.put("t-4.jsonl.gz", gzip.compress(b""))
    place.objects.put("t-5.jsonl", b"\n")
    assert list(await source_at(place, "t-1.jsonl").check()) == []
    [odd] = await source_at(place, "t-2.jsonl").check()
    assert odd == f"source.objectStore, object t-2.jsonl: {EMPTY}"
    source = source_at(place, "t-*", format="jsonl")
    [odd] = await source.check()
    assert odd.startswith("source.objectStore, object t-2.jsonl and 2 more of its kind: ")
    assert await source.count() == 1


def packed(name: str, content: bytes) -> bytes:
    packers: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "zst": zstandard.compress}
    return packers.get(name.rsplit(".", 1)[-1], bytes)(content)


async def test_a_bomb_of_one_line_does_not_fill_the_memory(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticket_files, "MOST_LINE_CHARS", 1_000_000)
    monkeypatch.setattr(ticket_files, "MOST_JSON_CHARS", 1_000_000)
    bomb = b"[" + b" " * 3_000_000
    for name, packed in (
        ("t.jsonl.gz", gzip.compress(bomb, mtime=0)),
        ("t.csv.zst", zstandard.compress(bomb)),
        ("t.json", bomb),
    ):
        place.objects.put(name, packed)
        with pytest.raises(Stalled, match="more than 1,000,000 characters"):
            await source_at(place, name).check()


async def test_a_name_that_no_cursor_could_hold_is_told(tmp_path: Path) -> None:
    place = file_place(tmp_path)
    name = "/".join(["d" * 200] * 5)
    assert len(name) < MOST_CURSOR_CHARS
    place.objects.put(f"{name}/t.jsonl", line("1"))
    with pytest.raises(Stalled, match="is too long"):
        await source_at(place, "*/*/*/*/*/t.jsonl").check()


@pytest.mark.parametrize("name", ["a\tb.jsonl", "a\nb.jsonl", "\x7f.jsonl", "in/a\x01/b.jsonl"])
@pytest.mark.parametrize("pattern", ["*.jsonl", "in/*/*.jsonl", "fine.jsonl"])
async def test_a_name_that_cannot_be_used_is_told_wherever_it_stands_in_the_way(
    tmp_path: Path, name: str, pattern: str
) -> None:
    """An object with its whole name is read without a look at the others."""
    place = file_place(tmp_path)
    place.objects.put("fine.jsonl", line("1"))
    place.objects.put(name, line("2"))
    source = source_at(place, pattern)
    if pattern == "fine.jsonl":
        assert await ids(source) == ["1"]
        return
    with pytest.raises((Stalled, Waiting)) as told:
        await source.check()
    assert told.value.reason in ("ObjectName", "SourceMissing")
    if told.value.reason == "ObjectName":
        assert "rename it" in told.value.message
        assert "\t" not in told.value.message


async def test_a_name_that_is_no_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"bad\xff.jsonl")).write_bytes(line("1"))
    with pytest.raises(Stalled, match=r"an object's name .* has .* bytes that are no UTF-8: rename it") as told:
        await source_at(file_place(tmp_path), "*.jsonl").check()
    assert told.value.reason == "ObjectName"


@pytest.mark.parametrize("url", ["s3://support/a\tb.csv", "s3://support/a\x01/t*.csv", "s3://support/\x7f.csv"])
async def test_a_url_with_a_control_character_is_rejected(url: str) -> None:
    assert await refused(KEYS, url=url) == (Rejected, "InvalidUrl")


@pytest.mark.parametrize("call", [Folder.read, Folder.size])
@pytest.mark.parametrize("name", ["a\tb", "a//b", "../b", "\x00"])
async def test_no_name_ends_in_an_error_that_nobody_knows(
    tmp_path: Path, call: Callable[[Folder, str], object], name: str
) -> None:
    folder = Folder(f"file://{tmp_path}", {}, StorePolicy(frozenset({"file"})), place="source", rights="")
    with pytest.raises(Stalled) as told:
        call(folder, name)
    assert told.value.reason == "ObjectName"


# --- what may be reached ----------------------------------------------------------------------------------------------

URL = "s3://support/t.jsonl"
KEYS = {"access_key_id": "AK", "secret_access_key": SECRET}
CLOUDS = StorePolicy(frozenset({"s3", "gs", "az"}))


async def refused(
    options: Mapping[str, str], policy: StorePolicy = CLOUDS, url: str = URL
) -> tuple[type[Exception], str | None]:
    """The error's kind and reason."""
    with pytest.raises((Stalled, Rejected)) as told:
        await ObjectTickets(ObjectStoreSource(url=url), options, (), policy).check()
    assert SECRET not in told.value.message
    return told.type, told.value.reason


async def test_local_files_are_for_local_mode() -> None:
    assert await refused({}, url="file:///etc/tickets.csv") == (Rejected, "InvalidUrl")


@pytest.mark.parametrize("url", ["s3://support/a//t.csv", "s3://support/../t.csv", "s3://support/a/./t*.csv"])
async def test_a_url_with_odd_parts_is_rejected(url: str) -> None:
    assert await refused(KEYS, url=url) == (Rejected, "InvalidUrl")


async def test_a_bucket_must_be_allowed() -> None:
    policy = StorePolicy(CLOUDS.schemes, buckets=("s3://team-*", "gs://support"))
    assert await refused(KEYS, policy) == (Stalled, "StoreNotAllowed")
    assert await refused(KEYS, policy, "s3://other/s3:/team-a/t.csv") == (Stalled, "StoreNotAllowed")


@pytest.mark.parametrize(
    "endpoint",
    ["http://169.254.169.254", "https://store.example.evil", "http://store.example:1", "https://store.example:9001"],
)
async def test_an_endpoint_must_be_allowed(endpoint: str) -> None:
    policy = StorePolicy(CLOUDS.schemes, endpoints=("store.example:9000", "*.svc"))
    assert await refused({**KEYS, "endpoint": endpoint}, policy) == (Stalled, "StoreNotAllowed")
    assert await refused({**KEYS, "AWS_ENDPOINT_URL": endpoint}) == (Stalled, "StoreNotAllowed")


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint": "http://store.example@evil.example"},
        {"endpoint": "http://evil.example\\@store.example"},
        {"endpoint": "file:///etc"},
        {"region": "x@evil.example/"},
        {"metadata_endpoint": "http://evil.example"},
        {"sts_endpoint": "http://evil.example"},
        {"web_identity_token_file": "/var/run/secrets/token"},
        {"bucket": "other"},
    ],
    ids=str,
)
async def test_no_option_leads_elsewhere(options: Mapping[str, str]) -> None:
    policy = StorePolicy(CLOUDS.schemes, endpoints=("store.example",))
    assert await refused({**KEYS, **options}, policy) == (Stalled, "StoreOption")


async def test_a_google_key_cannot_name_an_address() -> None:
    key = {"client_email": "a@b", "private_key": SECRET, "gcs_base_url": "http://evil.example"}
    assert await refused({"service_account_key": json.dumps(key)}, url="gs://support/t.csv") == (Stalled, "StoreOption")
    assert await refused({"service_account": "/etc/key.json"}, url="gs://support/t.csv") == (Stalled, "StoreOption")


async def test_an_azure_account_is_a_name_and_a_key() -> None:
    for options in ({"account_name": "evil.example/"}, {"account_name": "support", "account_key": SECRET + "?"}):
        assert await refused(options, url="az://support/t.csv") == (Stalled, "StoreOption")
    assert await refused({"account_key": "a2V5"}, url="az://support/t.csv") == (Stalled, "CredentialsMissing")


async def test_the_operators_own_credentials_are_not_used(s3_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    s3_bucket.put("t.jsonl", line("1"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "operator")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "operator")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "operator")
    policy = StorePolicy(CLOUDS.schemes, endpoints=("127.0.0.1",))
    endpoint = {"endpoint": s3_bucket.endpoint}
    url = f"s3://{s3_bucket.name}/t.jsonl"

    assert await refused(endpoint, policy, url) == (Stalled, "CredentialsMissing")
    assert await refused({**endpoint, "access_key_id": "AK"}, policy, url) == (Stalled, "CredentialsMissing")

    allowed = StorePolicy(CLOUDS.schemes, endpoints=("127.0.0.1",), ambient=True)
    await ObjectTickets(ObjectStoreSource(url=url), endpoint, (), allowed).check()


# --- what stores answer -----------------------------------------------------------------------------------------------


async def test_refused_credentials_stall_without_being_told(s3_bucket: Bucket) -> None:
    with s3.refusing(s3_bucket.endpoint):
        for name in ("t.jsonl", "t-*.jsonl"):
            with pytest.raises(Stalled, match="the store refuses the credentials, or they lack a right") as told:
                await source_at(s3_place_of(s3_bucket), name).check()
            assert told.value.reason == "PermissionDenied"
            assert not [word for word in s3_bucket.options.values() if word in told.value.message]


def s3_place_of(bucket: Bucket, **options: str) -> Place:
    policy = StorePolicy(CLOUDS.schemes, endpoints=("127.0.0.1",))
    return Place(f"s3://{bucket.name}/", bucket, policy, {**bucket.options, **options})


async def test_a_missing_bucket_stalls(s3_bucket: Bucket) -> None:
    place = s3_place_of(s3_bucket)
    missing = Place("s3://missing-bucket/", s3_bucket, place.policy, place.options)
    with pytest.raises(Stalled, match="no such bucket"):
        await source_at(missing, "t-*.jsonl").check()


async def test_a_store_that_is_away_is_waited_for(s3_bucket: Bucket) -> None:
    place = s3_place_of(s3_bucket, endpoint="http://127.0.0.1:1")
    with pytest.raises(
        Waiting, match=r"the store at 127\.0\.0\.1:1 cannot be reached, or is busy \(\w+Error\)"
    ) as told:
        await source_at(place, "t.jsonl").check()
    assert told.value.reason == "StoreUnreachable"


async def test_more_tickets_than_memory_has_room_for_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_TICKETS", 100)
    place = file_place(tmp_path)
    place.objects.put("t-1.jsonl", b"".join(line(str(number)) for number in range(60)))
    await source_at(place, "t-1.jsonl").check()
    place.objects.put("t-2.jsonl.gz", gzip.compress(b"".join(line(f"b{number}") for number in range(41))))

    with pytest.raises(Stalled, match="more than 100 tickets: name fewer objects, and make several resources") as told:
        await source_at(place, "t-*", format="jsonl").check()
    assert told.value.reason == "InvalidSource"


async def test_a_folder_that_lists_without_an_end_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_LISTED", 20)
    for number in range(21):
        place.objects.put(f"other-{number}.txt", b"")

    with pytest.raises(Stalled, match="more than 20 objects are listed; name a folder with fewer") as told:
        await source_at(place, "*.jsonl").check()
    assert told.value.reason == "StoreRefused"


async def test_more_objects_than_a_source_may_have_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_OBJECTS", 5)
    place = file_place(tmp_path)
    for number in range(6):
        place.objects.put(f"t-{number}.jsonl", line(str(number)))

    with pytest.raises(Stalled, match="more than 5 objects; name fewer, larger ones"):
        await source_at(place, "*.jsonl").check()
