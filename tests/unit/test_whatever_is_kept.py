"""What was kept for a run, and may have been changed by whoever can write there: read as it was, or told in a word."""

from __future__ import annotations

import base64
import gzip
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes.aio.client import ApiException, V1ConfigMap, V1ObjectMeta

from nightsort.adapters.config_map.stored_rows import parts_in
from nightsort.adapters.kubernetes import client, copies, id_parts, secrets
from nightsort.adapters.local import config_maps as local_config_maps
from nightsort.adapters.local import ledger as local_ledger
from nightsort.adapters.object_store.cursor import Cursor
from nightsort.adapters.sql.id_spool import CHUNK_IDS, IdSpool
from nightsort.api.resource import Meta
from nightsort.domain.errors import Conflict, Gone, Interruption, Rejected, SourceChanged, Stalled, Waiting
from nightsort.formats import record_copies
from nightsort.formats.record_copies import decoded, decoded_ids, encoded_ids
from nightsort.formats.row_files import rows_in
from nightsort.formats.rows import FORMATS, MOST_RECORD_CHARS, DamagedFile
from nightsort.system import files
from tests.support.memory import memory_below
from tests.support.spoilt import spoilt

META = Meta("support", "tonight", "uid-1")
MEBIBYTE = 1024 * 1024
MOST_MEMORY = 24 * MEBIBYTE
DEEP = b"[" * 5000
PIECES = [
    b"\xff",
    b"\x00",
    b"\\ud800",
    DEEP,
    b'{"a":' * 2000,
    b"9" * 5000,
    b"1e999",
    b"NaN",
    b"null",
    b"[]",
    b"{}",
    b'""',
]
SAMPLES = [
    b'{"anew": "", "status": {"batches": []}}',
    b'{"version": 1, "spec": {}, "status": {"phase": "Pending"}}',
    b'{"namespace": "a", "owner": "u", "version": 1, "keys": ["k"]}',
    b'{"d": "id"}',
    b'[3,"t.jsonl","00ff"]',
    b'{"rows": 1, "parts": [{"configMap": "r", "key": "results.jsonl", "rows": 1}]}',
    (
        b'{"id":"1","category":"billing","verdict":"Labeled","reason":"","model":"m","batchId":null,"classifiedAt":null,'
        b'"inputTokens":1,"outputTokens":1}\n'
    ),
    b"id,category,verdict,reason,model,batchId,classifiedAt,inputTokens,outputTokens\n1,billing,Labeled,,m,,,1,2\n",
    b'{"kind":"Status","message":"no","details":{"causes":[{"field":"spec","reason":"FieldValueTooLong"}]}}',
]


ANY = st.binary(max_size=100) | spoilt(SAMPLES, PIECES)
TEXT = ANY.map(lambda content: content.decode("utf-8", "replace"))
many = settings(max_examples=400, deadline=None)


def config_map(key: str, content: bytes, data: dict[str, str] | None = None) -> V1ConfigMap:
    return V1ConfigMap(
        metadata=V1ObjectMeta(name="x"), data=data, binary_data={key: base64.b64encode(content).decode()}
    )


# --- the record -------------------------------------------------------------------------------------------------------


@given(ANY)
@many
def test_a_copy_of_the_record_is_read_or_stalls(content: bytes) -> None:
    with suppress(Stalled):
        decoded(content, "here")
    with suppress(Stalled):
        copies.kept_in(META, copies.content(config_map(copies.KEY, content)))
    with suppress(Stalled):
        copies.kept_in(META, copies.content(config_map(copies.KEY, gzip.compress(content))))


@given(ANY)
@many
def test_a_local_record_is_read_or_stalls(content: bytes) -> None:
    with suppress(Stalled):
        local_ledger.parsed(Path("record.json"), content)
    with suppress(Stalled):
        local_config_maps.mark_of(content, Path("mark"))


def test_a_copy_of_the_record_that_unpacks_to_more_than_a_record_stalls_in_little_memory() -> None:
    bomb = gzip.compress(b"[" + b"{}," * (12 * MEBIBYTE) + b"{}]")

    with (
        memory_below(MOST_MEMORY),
        pytest.raises(Stalled, match="ConfigMap support/tonight-record-uid-1 is not a copy") as told,
    ):
        copies.kept_in(META, copies.content(config_map(copies.KEY, bomb)))
    assert told.value.reason == "RecordUnreadable"


def test_a_file_that_is_larger_than_any_record_stalls(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with path.open("wb") as file:
        file.truncate(files.MOST_FILE_BYTES + 1)

    with pytest.raises(Stalled, match=r"record\.json: it has more than 67,108,864 bytes") as told:
        files.read_if_there(path)
    assert told.value.reason == "NotReadable"


# --- long ids ---------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text("abc", min_size=1), st.text(max_size=30).filter(lambda text: text.isprintable())))
@many
def test_long_ids_are_found_as_they_were_kept(ids: dict[str, str]) -> None:
    assert decoded_ids(encoded_ids(ids), "here") == ids
    assert id_parts.unpacked(id_parts.packed(ids), "here") == ids


def test_long_ids_are_kept_in_little_more_memory_than_they_have_bytes() -> None:
    ids = {f"{number:x}": f"{number}-{'x' * 200}" for number in range(20_000)}

    with memory_below(len(ids) * 300):
        kept = encoded_ids(ids)
    assert decoded_ids(kept, "here") == ids


def test_ids_on_the_way_to_a_database_come_in_chunks_however_they_were_given() -> None:
    given_ids = [str(number) for number in range(3 * CHUNK_IDS + 1)]

    with IdSpool() as spool:
        spool.add(given_ids)
        chunks = list(spool.chunks())
    assert max(map(len, chunks)) == CHUNK_IDS
    assert [each for chunk in chunks for each in chunk] == given_ids


@given(ANY)
@many
def test_long_ids_are_read_or_stall(content: bytes) -> None:
    with suppress(Stalled):
        assert all(isinstance(each, str) for each in decoded_ids(content, "here").values())
    with suppress(Stalled):
        id_parts.unpacked([content], "here")


@pytest.mark.parametrize(
    "bomb",
    [b'{"a":"' + b"x" * 70 * MEBIBYTE + b'"}', b"{" + b",".join(b'"%x":""' % n for n in range(1_100_000)) + b"}"],
    ids=["a long id", "a million ids"],
)
def test_more_ids_than_a_shard_has_stall_in_little_memory(bomb: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_parts, "MOST_IDS_BYTES", 8 * MEBIBYTE)
    packed = gzip.compress(bomb)

    with memory_below(MOST_MEMORY), pytest.raises(Stalled, match="here does not hold the ids of tickets") as told:
        id_parts.unpacked([packed], "here")
    assert told.value.reason == "IdsMissing"


def test_ids_that_could_not_be_read_again_are_refused_before_anything_is_bought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record_copies, "MOST_IDS_BYTES", 1_000)
    kept = encoded_ids({"d": "x" * 900})
    assert decoded_ids(kept, "here") == {"d": "x" * 900}

    for ids in ({"d": "x" * 1_001}, {"d": "ü" * 900}):
        with pytest.raises(Rejected, match="more than 1,000 bytes for one shard; lower"):
            encoded_ids(ids)


@pytest.mark.parametrize(("told", "parts"), [("3", 3), ("999", 8), ("9" * 5000, 1), ("-1", 1), ("x", 1), ("²", 1)])
def test_no_number_of_parts_is_believed_that_was_never_written(told: str, parts: int) -> None:
    assert id_parts.parts_of(config_map("k", b"", {id_parts.PARTS_KEY: told})) == parts


# --- rows -------------------------------------------------------------------------------------------------------------


@given(TEXT, st.sampled_from(sorted(FORMATS)))
@many
def test_rows_are_read_or_said_to_be_damaged(text: str, form: str) -> None:
    with suppress(DamagedFile):
        for ticket_id, record in FORMATS[form].read(text).items():
            assert isinstance(ticket_id, str)
            assert FORMATS[form].has_category(record) in (True, False)
    with suppress(DamagedFile):
        assert all(row.id is not None for row in rows_in(text, form))
    with suppress(LookupError, TypeError, ValueError):
        parts_in(text)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_a_line_that_is_longer_than_any_row_is_no_row_and_not_read_to_its_end(form: str) -> None:
    class Endless(io.StringIO):
        read_chars = 0

        def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
            assert size is not None
            assert size > 0
            Endless.read_chars += size
            return "x" * size

    with pytest.raises(DamagedFile, match=r"line 1 is no row of results: more than 65,536 characters"):
        list(FORMATS[form].scan(Endless()))
    assert Endless.read_chars < 2 * MOST_RECORD_CHARS


def test_a_row_of_csv_whose_line_breaks_are_all_in_quotes_ends_somewhere() -> None:
    text = '"' + '\n","' * MOST_RECORD_CHARS

    with pytest.raises(DamagedFile, match="more than 65,536 characters"):
        FORMATS["csv"].read(text)


@pytest.mark.parametrize("parts", [[("r", "k")] * 2, [(f"r-{n}", "k") for n in range(65)]], ids=["twice", "65"])
def test_an_index_that_names_a_part_again_and_again_is_none(parts: list[tuple[str, str]]) -> None:
    index = json.dumps({"parts": [{"configMap": name, "key": key} for name, key in parts]})

    with pytest.raises(ValueError, match="more than a run has"):
        parts_in(index)


# --- cursors, Secrets, answers of Kubernetes --------------------------------------------------------------------------


@given(TEXT)
@many
def test_a_cursor_is_read_or_says_that_the_source_has_changed(text: str) -> None:
    with suppress(SourceChanged):
        assert Cursor.of(text).place


def test_a_cursor_of_an_older_version_is_read() -> None:
    assert Cursor.of('[3,"t.jsonl"]') == Cursor("t.jsonl", 3)
    assert Cursor.of(Cursor("ö.jsonl", 3, "00ff").text) == Cursor("ö.jsonl", 3, "00ff")


@given(st.text(max_size=40) | ANY.map(lambda content: base64.b64encode(content).decode()))
@many
def test_the_value_of_a_secret_is_text_or_stalls(encoded: str) -> None:
    with suppress(Stalled):
        assert secrets.text_of(encoded, "s3", "key").strip() is not None


def test_a_value_of_a_secret_that_is_no_key_is_told_by_its_size_alone() -> None:
    with pytest.raises(Stalled, match="Secret s3: the value of key url has more than 65,536 characters") as told:
        secrets.text_of("QUFB" * 20_000, "s3", "url")
    assert "QUFB" not in told.value.message


@given(status=st.sampled_from([400, 401, 403, 404, 409, 413, 422, 429, 500, 503]), body=TEXT, after=st.text(max_size=6))
@many
def test_whatever_body_an_error_of_kubernetes_has_it_says_who_moves_next(status: int, body: str, after: str) -> None:
    error = ApiException(status=status, reason="no")
    error.body, error.headers = body, {"Retry-After": after}

    meaning = client.translation("read it", "", error)

    assert isinstance(meaning, (Interruption, Conflict, Gone))
    assert len(str(meaning)) < 1_000


def test_the_page_of_a_proxy_of_any_length_is_an_error_as_others_are() -> None:
    error = ApiException(status=403, reason="no")
    for body in ("x" * 20 * MEBIBYTE, "[" * 20 * MEBIBYTE, '{"details":' * 10_000):
        error.body = body
        with memory_below(MOST_MEMORY):
            assert isinstance(client.translation("read it", "", error), Stalled)


@pytest.mark.parametrize("error", [ValueError("no JSON"), RecursionError()])
def test_what_is_no_answer_of_kubernetes_is_waited_for(error: Any) -> None:
    with pytest.raises(Waiting, match="what came was no answer") as told, client.translated("read it"):
        raise error
    assert told.value.reason == "KubernetesUnavailable"
