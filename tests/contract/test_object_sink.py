"""Rows as files in object storage: on a real S3 server, and in a directory of local mode."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from msgspec import structs

from nightsort.adapters.object_store import sink as adapter
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.fields import AskedField, FieldKind
from nightsort.domain.stored import Rehearsal
from nightsort.testing.sink_contract import (
    STORED,
    SUMMARY,
    THREE,
    SinkContract,
    chunks,
    evaluated,
    failed,
    labeled,
)
from tests.contract.object_bench import FOLDER, OWNER, Bench
from tests.contract.object_places import Place, place, s3_place
from tests.servers import s3
from tests.servers.s3 import Bucket

__all__ = ["place"]  # a fixture


@pytest.fixture(params=["jsonl", "csv"])
def bench(place: Place, request: pytest.FixtureRequest) -> Bench:
    return Bench(place, request.param)


class TestObjects(SinkContract):
    @pytest.fixture
    def store(self, bench: Bench) -> Bench:
        return bench


def of(batch_id: str | None, *rows: Row) -> list[Row]:
    return [structs.replace(row, batch_id=batch_id) for row in rows]


def unsent(ticket_id: str) -> Row:
    return Row(ticket_id, None, Verdict.UNSENDABLE, "the ticket has no text")


async def write(bench: Bench, *rows: Row) -> None:
    await bench.sink().write(chunks(*rows))


async def test_each_batch_has_an_object_and_what_was_never_sent_has_another(bench: Bench) -> None:
    await write(bench, *of("msgbatch_a", labeled("1")))
    await write(bench, *of("msgbatch_b", labeled("2"), labeled("3")))
    await write(bench, unsent("4"))

    [first, second, never] = bench.objects()

    assert first.endswith(f"-msgbatch_a.{bench.form}")
    assert [row["id"] for row in bench.records(second)] == ["2", "3"]
    assert [row["id"] for row in bench.records(never)] == ["4"]


async def test_a_repeated_write_replaces_the_object(bench: Bench) -> None:
    await write(bench, *THREE)
    before = {name: bench.records(name) for name in bench.objects()}
    await write(bench, *THREE)
    assert {name: bench.records(name) for name in bench.objects()} == before

    await write(bench, labeled("1", "account"), labeled("4"))
    assert len(bench.objects()) == 1
    assert bench.read() == STORED | {"1": ("account", "Labeled"), "4": ("billing", "Labeled")}


async def test_rows_that_a_batch_gets_later_join_its_object(bench: Bench) -> None:
    """After a stop, the tickets of a batch that were to be asked again get their rows."""
    await write(bench, labeled("1"))
    await write(bench, failed("2"))
    assert (len(bench.objects()), list(bench.read())) == (1, ["1", "2"])


async def test_a_ticket_that_is_sent_after_all_leaves_those_that_were_not(bench: Bench) -> None:
    await write(bench, unsent("1"), unsent("2"))
    await write(bench, labeled("2"))
    assert bench.read() == {"1": (None, "Unsendable"), "2": ("billing", "Labeled")}
    await write(bench, labeled("1"))
    await bench.sink().finish(SUMMARY)
    assert [one["name"] for one in bench.index()["objects"]] == bench.objects()[:1]


async def test_more_rows_than_a_piece_holds_are_written_piece_by_piece(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PIECE_ROWS", 3)
    await write(bench, *(unsent(str(number)) for number in range(10)))
    await write(bench, *(unsent(str(number)) for number in range(5, 12)))
    assert len(bench.objects()) == 1
    assert sorted(map(int, bench.read())) == list(range(12))


async def test_the_last_row_of_a_ticket_counts(bench: Bench) -> None:
    await write(bench, failed("1"), labeled("2"), labeled("1"))
    assert bench.read() == {"1": ("billing", "Labeled"), "2": ("billing", "Labeled")}


@pytest.mark.parametrize("odd", ["a,b", 'say "x"', "two\nlines", "\r", "\x00\x1b", "=1+1", " ", "🎟️", "\u2028\x85"])
async def test_ids_are_kept_exactly(bench: Bench, odd: str) -> None:
    await write(bench, labeled(odd))
    await write(bench, labeled(odd), labeled("1"))
    assert set(bench.read()) == {odd, "1"}


async def test_the_index_names_the_objects_of_this_run_and_the_summary_stands_beside_it(bench: Bench) -> None:
    earlier = replace(bench, owner=replace(OWNER, uid="an earlier incarnation"))
    await write(earlier, *of("msgbatch_0", labeled("1")))
    await write(bench, *THREE)
    stored = await bench.sink().finish(SUMMARY)

    [mine] = bench.index()["objects"]

    assert stored.where["object_store"] == bench.index()["url"] == f"{bench.place.url}{FOLDER}/"
    assert mine["bytes"] == len(bench.place.objects.get(f"{FOLDER}/{mine['name']}"))
    assert [row["id"] for row in bench.records(mine["name"])] == ["1", "2", "3"]
    assert json.loads(bench.place.objects.get(f"{FOLDER}/summary.json"))["tickets"] == 3


async def test_a_check_leaves_nothing_behind(bench: Bench) -> None:
    await bench.sink().check(Rehearsal(3))
    assert bench.place.objects.names() == []


async def test_a_batch_id_that_is_no_name_is_not_one(bench: Bench) -> None:
    await write(bench, *of("../../escape", labeled("1")))
    [name] = bench.place.objects.names()
    assert name.startswith(f"{FOLDER}/rows-")


@pytest.mark.parametrize("broken", [b"note to self\n", b"x" * 100_000, b"[" * 60_000, b'"\n",' * 30_000])
async def test_an_object_that_somebody_broke_is_left_alone(bench: Bench, broken: bytes) -> None:
    await write(bench, *THREE)
    [name] = bench.objects()
    bench.place.objects.put(f"{FOLDER}/{name}", broken)
    with pytest.raises(Stalled, match=r"object rows-.*: line \d+ is no row of results") as told:
        await write(bench, *THREE)
    assert told.value.reason == "ResultsDamaged"
    assert bench.place.objects.get(f"{FOLDER}/{name}") == broken


async def test_a_full_batch_goes_out_in_parts_and_is_merged_with_what_is_there(place: Place) -> None:
    """Larger than a part of an upload, with both ways of reading it again."""
    bench = Bench(place)
    rows = [structs.replace(failed(str(number), "r" * 400), batch_id="msgbatch_a") for number in range(20_000)]

    async def in_pages() -> AsyncIterator[Sequence[Row]]:
        for start in range(0, len(rows), 1000):
            yield rows[start : start + 1000]

    await bench.sink().write(in_pages())
    await write(bench, *of("msgbatch_a", labeled("7"), labeled("new")))
    found = bench.read()
    assert len(found) == 20_001
    assert found["7"] == ("billing", "Labeled")


# --- what stores answer -----------------------------------------------------------------------------------------------


async def test_refused_credentials_stall_before_anything_is_bought(s3_bucket: Bucket) -> None:
    bench = Bench(s3_place(s3_bucket))
    with s3.refusing(s3_bucket.endpoint), pytest.raises(Stalled, match="list the bucket, and to read, write") as told:
        await bench.sink().check(Rehearsal(3))
    assert told.value.reason == "PermissionDenied"
    assert not [word for word in s3_bucket.options.values() if word in told.value.message]


async def test_a_missing_bucket_stalls(s3_bucket: Bucket) -> None:
    place = replace(s3_place(s3_bucket), url="s3://missing-bucket/")
    with pytest.raises(Stalled) as told:
        await Bench(place).sink().check(Rehearsal(3))
    assert told.value.reason == "BucketMissing"


async def test_a_store_that_is_away_is_waited_for(s3_bucket: Bucket) -> None:
    place = s3_place(s3_bucket)
    away = replace(place, options={**place.options, "endpoint": "http://127.0.0.1:1"})
    with pytest.raises(Waiting) as told:
        await Bench(away).sink().write(chunks(*THREE))
    assert told.value.reason == "StoreUnreachable"


async def test_an_evaluation_stands_beside_the_rows_and_a_later_one_takes_its_place(bench: Bench) -> None:
    await bench.sink().report(evaluated(known=9, correct=8))
    await bench.sink().report(evaluated(known=10, correct=9))

    told = json.loads(bench.place.objects.get(f"{FOLDER}/evaluation.json"))
    assert (told["known"], told["correct"], told["minAccuracy"]) == (10, 9, "0.90")
    assert told["answers"] == [
        {"truth": "billing", "label": "billing", "tickets": 9},
        {"truth": "billing", "label": None, "tickets": 1},
    ]


async def test_rows_have_a_column_for_each_field_of_the_spec(bench: Bench) -> None:
    fields = (
        AskedField("urgency", FieldKind.ONE, values=("low", "high")),
        AskedField("topics", FieldKind.SEVERAL, values=("price", "quality"), most=2),
    )
    whole = structs.replace(labeled("1"), values=("high", ["price", "quality"]))
    for _ in range(2):
        sink = bench.sink(fields=fields)
        await sink.check(Rehearsal(3))
        await sink.write(chunks(whole, failed("2")))

    [name] = bench.objects()
    first, second = bench.records(name)
    csv = bench.form == "csv"
    assert (first["urgency"], first["topics"]) == ("high", "price, quality" if csv else ["price", "quality"])
    assert (second["urgency"], second["topics"]) == (("", "") if csv else (None, None))
