"""Sinks: what they promise together, and what the ConfigMap sink does to keep it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.adapters.config_map import sink as config_map_sink
from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.api.resource import Meta
from nightsort.api.results import ConfigMapResults
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Conflict, Rejected, Stalled, Waiting
from nightsort.domain.stored import Rehearsal, Summary
from nightsort.formats.rows import COLUMNS, FORMATS, FULL_PART
from nightsort.ports import Sink
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.sink_contract import Reusable, ReusableSinkContract, SinkContract, evaluated
from nightsort.testing.sinks import MemorySink

OWNER = Meta("support", "tonight", "uid-1")
STRANGER = Meta("support", "yesterday", "uid-2")
NAME = "tonight-results"
SUMMARY = Summary("tonight", "claude-haiku-4-5", 2, {"billing": 1, "other": 1}, {"Labeled": 2}, "0.0005", "0.0010")


def row(number: int | str, **more: Any) -> Row:
    defaults: dict[str, Any] = {
        "category": "billing",
        "model": "claude-haiku-4-5",
        "batch_id": "msgbatch_01ABCDEFGHJKLMNPQRSTUVWX",
        "classified_at": datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC),
        "input_tokens": 120,
        "output_tokens": 4,
    }
    return Row(**({"id": str(number), "verdict": Verdict.LABELED} | defaults | more))


UNSENDABLE = Row("2", None, Verdict.UNSENDABLE, "the ticket has no text")


async def pages(*of: Sequence[Row]) -> AsyncIterator[Sequence[Row]]:
    for page in of:
        yield page


async def no_rows() -> AsyncIterator[Sequence[Row]]:
    return
    yield


@dataclass
class Bench:
    """A sink and a way to see what it keeps: the rows as records of text, in their order."""

    kept_by: Sink
    kept: Callable[[], list[dict[str, str]]]

    def sink(self) -> Sink:
        return self.kept_by

    def read(self) -> dict[str, tuple[str | None, str]]:
        return {one["id"]: (one["category"] or None, one["verdict"]) for one in self.kept()}


def as_record(one: Row) -> dict[str, str]:
    when = "2026-11-22T23:59:59Z" if one.classified_at else ""
    tokens = (str(one.input_tokens), str(one.output_tokens))
    cells = (one.id, one.category or "", one.verdict, one.reason, one.model, one.batch_id or "", when, *tokens)
    return dict(zip(COLUMNS, map(str, cells), strict=True))


def memory() -> Bench:
    sink = MemorySink()
    return Bench(sink, lambda: [as_record(one) for one in sink.rows.values()])


def files(form: Any) -> Callable[[], Bench]:
    def make() -> Bench:
        maps = MemoryConfigMaps()
        return Bench(ConfigMapRows(maps, OWNER, ConfigMapResults(format=form)), lambda: records(maps, form))

    return make


def records(maps: MemoryConfigMaps, form: str = "jsonl") -> list[dict[str, str]]:
    """Every row of every part that the index names, read as a user would."""
    found: list[dict[str, str]] = []
    if ("support", NAME) not in maps.kept:
        return found
    index = json.loads(maps.kept["support", NAME].data["index.json"])
    for part in index["parts"]:
        text = maps.kept["support", part["configMap"]].data[part["key"]]
        read = from_csv(text) if form == "csv" else from_json_lines(text)
        assert len(read) == part["rows"]
        found += read
    assert len(found) == index["rows"]
    return found


def from_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def from_json_lines(text: str) -> list[dict[str, str]]:
    items = [json.loads(line) for line in text.splitlines()]
    return [{name: "" if value is None else str(value) for name, value in item.items()} for item in items]


@pytest.fixture(params=[memory, files("jsonl"), files("csv")], ids=["memory", "jsonl", "csv"])
def bench(request: pytest.FixtureRequest) -> Bench:
    made: Bench = request.param()
    return made


class ReadMaps(MemoryConfigMaps):
    """Keeps the names that were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_names: list[str] = []

    async def read(self, namespace: str, name: str) -> ConfigMap | None:
        self.read_names.append(name)
        return await super().read(namespace, name)


class TestSinksAtHand(SinkContract):
    @pytest.fixture
    def store(self, bench: Bench) -> Bench:
        return bench


async def test_every_row_is_kept_in_the_order_of_arrival(bench: Bench) -> None:
    await bench.sink().check(Rehearsal(3))
    await bench.sink().write(pages([row("b"), UNSENDABLE], [row("a")]))
    assert bench.kept() == [as_record(one) for one in (row("b"), UNSENDABLE, row("a"))]


async def test_a_later_write_adds_rows_and_replaces_those_with_the_same_id(bench: Bench) -> None:
    await bench.sink().write(pages([row(1), row(2)]))
    await bench.sink().write(pages([row(3), row(1, category="account")]))
    assert bench.kept() == [as_record(one) for one in (row(1, category="account"), row(2), row(3))]


async def test_a_row_without_a_category_does_not_replace_one_that_has_one(bench: Bench) -> None:
    canceled = {"category": None, "verdict": Verdict.CANCELED}
    await bench.sink().write(pages([row(1), row(2, **canceled)]))
    await bench.sink().write(pages([row(1, **canceled), row(2, category="account")]))
    assert bench.kept() == [as_record(one) for one in (row(1), row(2, category="account"))]


@pytest.mark.parametrize(
    "odd", ["a,b", 'say "x"', "two\nlines", "\r", "\x00\x1b", "=1+1", " ", "🎟️", "\u2028\x85", "x" * 512]
)
async def test_ids_are_kept_exactly(bench: Bench, odd: str) -> None:
    await bench.sink().write(pages([row(odd), row("1")]))
    await bench.sink().write(pages([row(odd)]))
    assert [one["id"] for one in bench.kept()] == [odd, "1"]


async def test_a_run_without_tickets_ends_with_no_rows(bench: Bench) -> None:
    await bench.sink().check(Rehearsal(0))
    await bench.sink().write(no_rows())
    await bench.sink().finish(SUMMARY)
    assert bench.kept() == []


async def test_finishing_can_be_repeated(bench: Bench) -> None:
    await bench.sink().write(pages([row(1)]))
    assert await bench.sink().finish(SUMMARY) == await bench.sink().finish(SUMMARY)
    assert bench.kept() == [as_record(row(1))]


# --- ConfigMaps -------------------------------------------------------------------------------------------------------


@pytest.fixture
def maps() -> MemoryConfigMaps:
    return MemoryConfigMaps()


@pytest.fixture
def sink(maps: MemoryConfigMaps) -> ConfigMapRows:
    return ConfigMapRows(maps, OWNER, ConfigMapResults())


def many(count: int, start: int = 0) -> list[Row]:
    return [row(number) for number in range(start, start + count)]


PER_PART = FULL_PART // len(FORMATS["jsonl"].record(row(10_000)))


async def test_a_line_is_what_a_reader_expects(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    stored = await sink.write(pages([row(1)]))
    assert stored.where == {"config_maps": (NAME,)}
    assert maps.kept["support", NAME].data["results.jsonl"] == (
        '{"id":"1","category":"billing","verdict":"Labeled","reason":"","model":"claude-haiku-4-5",'
        '"batchId":"msgbatch_01ABCDEFGHJKLMNPQRSTUVWX","classifiedAt":"2026-11-22T23:59:59Z",'
        '"inputTokens":120,"outputTokens":4}\n'
    )
    assert maps.kept["support", NAME].owner_uid == OWNER.uid


async def test_the_summary_stands_beside_the_rows(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    await sink.write(pages([row(1)]))
    await sink.finish(SUMMARY)
    data = maps.kept["support", NAME].data
    assert sorted(data) == ["index.json", "results.jsonl", "summary.json"]
    assert json.loads(data["summary.json"]) == {
        "resource": "tonight",
        "model": "claude-haiku-4-5",
        "tickets": 2,
        "categories": {"billing": 1, "other": 1},
        "verdicts": {"Labeled": 2},
        "cost": {"actualUSD": "0.0005", "standardUSD": "0.0010"},
    }
    await sink.write(pages([row(2)]))
    assert "summary.json" in maps.kept["support", NAME].data


async def test_rows_that_do_not_fit_go_to_further_parts(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    rows = many(2 * PER_PART + 100)
    stored = await sink.write(pages(rows))
    assert stored.where == {"config_maps": (NAME, f"{NAME}-1", f"{NAME}-2")}
    assert [one["id"] for one in records(maps)] == [one.id for one in rows]


async def test_results_of_more_config_maps_than_one_run_may_have_are_refused(
    maps: MemoryConfigMaps, sink: ConfigMapRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_map_sink, "MOST_PARTS", 2)
    reason = "x" * (FULL_PART // 2)

    with pytest.raises(Rejected, match="the results need more than 2 ConfigMaps"):
        await sink.write(pages([row(number, reason=reason) for number in range(6)]))

    assert not maps.kept


async def test_only_changed_parts_are_written(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    await sink.write(pages(many(PER_PART + 100)))
    maps.written.clear()
    await sink.write(pages(many(PER_PART + 100)))
    assert maps.written == []
    await sink.write(pages([row(PER_PART + 50, category="other")]))
    assert maps.written == [f"{NAME}-1"]
    await sink.write(pages([row(5, category="other")]))
    assert maps.written == [f"{NAME}-1", NAME]


async def test_a_row_never_moves_to_another_part(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    await sink.write(pages(many(PER_PART + 100)))
    before = {name: set(parsed_ids(one)) for (_, name), one in maps.kept.items()}
    await sink.write(pages([row(1, reason="longer " * 20), *many(100, 50_000)]))
    after = {name: set(parsed_ids(one)) for (_, name), one in maps.kept.items()}
    assert all(before[name] <= after[name] for name in before)


def parsed_ids(config_map: ConfigMap) -> list[str]:
    return [one["id"] for one in from_json_lines(config_map.data["results.jsonl"])]


def without_plan(maps: MemoryConfigMaps) -> None:
    """The index as earlier versions wrote it."""
    first = maps.kept["support", NAME]
    index = {name: value for name, value in json.loads(first.data["index.json"]).items() if name != "plannedParts"}
    maps.kept["support", NAME] = replace(first, data={**first.data, "index.json": json.dumps(index)})


async def test_further_parts_are_looked_for_only_where_there_may_be_some() -> None:
    maps = ReadMaps()
    sink = ConfigMapRows(maps, OWNER, ConfigMapResults())
    await sink.claim()
    maps.read_names.clear()
    await sink.write(pages([row(1)]))
    await sink.finish(SUMMARY)
    assert maps.read_names == [NAME, NAME]

    without_plan(maps)
    await sink.write(pages([row(2)]))
    assert maps.read_names[2:] == [NAME, f"{NAME}-1", f"{NAME}-2"]


@pytest.mark.parametrize("of_earlier_version", [False, True])
@pytest.mark.parametrize("writes", range(5))
async def test_a_crash_between_any_two_writes_loses_nothing_and_misleads_nobody(
    maps: MemoryConfigMaps, sink: ConfigMapRows, writes: int, of_earlier_version: bool
) -> None:
    earlier, later = many(PER_PART - 10), many(2 * PER_PART, PER_PART - 10)
    await sink.write(pages(earlier))
    if of_earlier_version:
        without_plan(maps)

    def crash(config_map: ConfigMap) -> None:
        if len(maps.written) == 1 + writes:
            raise SystemExit

    maps.before_write = crash
    if writes < 4:
        with pytest.raises(SystemExit):
            await sink.write(pages(later))
    maps.before_write = lambda config_map: None
    index = json.loads(maps.kept["support", NAME].data["index.json"])
    assert {part["configMap"] for part in index["parts"]} <= {name for _, name in maps.kept}
    assert len(parsed_ids(maps.kept["support", NAME])) >= len(earlier)
    if of_earlier_version:
        without_plan(maps)

    await sink.write(pages(later))
    assert sorted(one["id"] for one in records(maps)) == sorted(one.id for one in earlier + later)


async def test_a_conflict_is_read_again_and_done_again(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    await sink.write(pages([row(1)]))
    conflicts = 3

    def interfere(config_map: ConfigMap) -> None:
        nonlocal conflicts
        if conflicts:
            conflicts -= 1
            kept = maps.kept["support", NAME]
            maps.kept["support", NAME] = replace(kept, version=kept.version + "x")

    maps.before_write = interfere
    await sink.write(pages([row(2)]))
    assert [one["id"] for one in records(maps)] == ["1", "2"]


async def test_conflicts_without_end_are_waited_out(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    def interfere(config_map: ConfigMap) -> None:
        raise Conflict(config_map.name)

    maps.before_write = interfere
    with pytest.raises(Waiting) as caught:
        await sink.write(pages([row(1)]))
    assert caught.value.reason == "ResultsConflict"


@pytest.mark.parametrize("owner", [STRANGER, replace(OWNER, uid="an earlier incarnation")])
async def test_a_config_map_of_somebody_else_is_never_touched(
    maps: MemoryConfigMaps, sink: ConfigMapRows, owner: Meta
) -> None:
    await maps.write(owner, ConfigMap(NAME, {"theirs": "x"}))
    maps.written.clear()
    for call in (sink.check(Rehearsal(1)), sink.claim(), sink.write(pages(many(1))), sink.finish(SUMMARY)):
        with pytest.raises(Stalled) as caught:
            await call
        assert caught.value.reason == "ResultsNameTaken"
        assert f"ConfigMap {NAME} " in caught.value.message
    assert maps.written == []


async def test_a_run_that_would_need_the_name_of_somebody_elses_as_a_part_stalls_before_anything_is_bought(
    maps: MemoryConfigMaps, sink: ConfigMapRows
) -> None:
    await maps.write(STRANGER, ConfigMap(f"{NAME}-1", {"theirs": "x"}))

    await sink.check(Rehearsal(100))
    with pytest.raises(Stalled, match=f"ConfigMap {NAME}-1 exists"):
        await sink.check(Rehearsal(PER_PART + 100))


async def test_a_part_whose_name_somebody_has_taken_since_is_passed_over(
    maps: MemoryConfigMaps, sink: ConfigMapRows
) -> None:
    """Its rows are paid for: they go on under the next number, and what reads them finds them by the index."""
    theirs = [await maps.write(STRANGER, ConfigMap(f"{NAME}-{number}", {"theirs": "x"})) for number in (1, 3)]
    rows = many(2 * PER_PART + 100)

    for count in (100, PER_PART + 100, len(rows), len(rows)):
        stored = await sink.write(pages(rows[:count]))
    await sink.finish(SUMMARY)

    assert stored.where == {"config_maps": (NAME, f"{NAME}-2", f"{NAME}-4")}
    assert [one["id"] for one in records(maps)] == [one.id for one in rows]
    assert [maps.kept["support", one.name] for one in theirs] == theirs
    for one in theirs:
        del maps.kept["support", one.name]
    await sink.write(pages([*rows, row(90_000)]))
    assert sorted(one["id"] for one in records(maps)) == sorted([*(one.id for one in rows), "90000"])


async def test_an_evaluation_has_a_config_map_of_its_own(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    for _ in range(2):
        await sink.report(evaluated(known=10, correct=9))

    kept = maps.kept["support", f"{NAME}-evaluation"]
    assert kept.owner_uid == OWNER.uid
    assert json.loads(kept.data["evaluation.json"])["correct"] == 9
    assert maps.written == [f"{NAME}-evaluation"], "what is there already is not written again"


async def test_an_evaluation_does_not_take_the_config_map_of_somebody_else(
    maps: MemoryConfigMaps, sink: ConfigMapRows
) -> None:
    theirs = await maps.write(STRANGER, ConfigMap(f"{NAME}-evaluation", {"theirs": "x"}))

    with pytest.raises(Stalled) as caught:
        await sink.report(evaluated(known=10, correct=9))

    assert caught.value.reason == "ResultsNameTaken"
    assert maps.kept["support", theirs.name] == theirs


async def test_of_two_runs_with_one_name_for_results_one_claims_it(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    rival = ConfigMapRows(maps, STRANGER, ConfigMapResults(name=NAME))

    def overtake(config_map: ConfigMap) -> None:
        """The rival creates it between our look and our write."""
        maps.kept["support", NAME] = replace(config_map, version="1", owner_uid=STRANGER.uid)

    maps.before_write = overtake
    with pytest.raises(Stalled) as caught:
        await sink.claim()
    await rival.claim()

    assert caught.value.reason == "ResultsNameTaken"
    assert maps.kept["support", NAME].owner_uid == STRANGER.uid
    maps.before_write = lambda config_map: None
    del maps.kept["support", NAME]
    await sink.claim()
    await sink.claim()
    assert (maps.written, records(maps)) == ([NAME], [])
    await sink.write(pages([row(1)]))
    assert [one["id"] for one in records(maps)] == ["1"]


async def test_a_run_whose_results_would_not_fit_is_rejected_before_anything_is_bought(sink: ConfigMapRows) -> None:
    await sink.check(Rehearsal(60_000))
    with pytest.raises(Rejected, match=r"use results\.database") as caught:
        await sink.check(Rehearsal(61_000))
    assert caught.value.reason == "ResultsTooLarge"


async def test_sizes_are_reckoned_with_the_ids_of_the_run(sink: ConfigMapRows) -> None:
    async def long_ids() -> AsyncIterator[Sequence[str]]:
        for start in range(0, 60_000, 1000):
            yield [f"{number:06}" + "票" * 394 for number in range(start, start + 1000)]

    async def short_ids() -> AsyncIterator[Sequence[str]]:
        yield [str(number) for number in range(60_000)]

    await sink.check(Rehearsal(60_000, all_ids=short_ids))
    with pytest.raises(Rejected) as caught:
        await sink.check(Rehearsal(60_000, all_ids=long_ids))
    assert caught.value.reason == "ResultsTooLarge"


async def test_a_name_that_leaves_no_room_for_parts_is_rejected(maps: MemoryConfigMaps) -> None:
    sink = ConfigMapRows(maps, replace(OWNER, name="n" * 250), ConfigMapResults())
    with pytest.raises(Rejected, match="too long"):
        await sink.check(Rehearsal(1))
    await ConfigMapRows(maps, replace(OWNER, name="n" * 250), ConfigMapResults(name="short")).check(Rehearsal(1))


async def test_a_file_that_somebody_broke_is_left_alone(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    await sink.write(pages([row(1)]))
    kept = maps.kept["support", NAME]
    maps.kept["support", NAME] = replace(kept, data={**kept.data, "results.jsonl": "note to self\n"})
    with pytest.raises(Stalled, match=r"results\.jsonl: line 1 is no row") as caught:
        await sink.write(pages([row(2)]))
    assert caught.value.reason == "ResultsDamaged"


async def test_parts_that_somebody_removed_are_made_anew(maps: MemoryConfigMaps, sink: ConfigMapRows) -> None:
    rows = many(2 * PER_PART + 100)
    for missing in (NAME, f"{NAME}-1", f"{NAME}-2"):
        await sink.write(pages(rows))
        del maps.kept["support", missing]
        await sink.write(pages(rows))
        assert sorted(one["id"] for one in records(maps)) == sorted(one.id for one in rows)


texts = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.dictionaries(texts, texts, max_size=5), st.sampled_from(["jsonl", "csv"]))
def test_whatever_is_written_is_found_again(rows: dict[str, str], form: str) -> None:
    made = {one: FORMATS[form].record(row(one, reason=reason)) for one, reason in rows.items()}
    text = FORMATS[form].header + "".join(made.values())
    assert FORMATS[form].read(text) == made
    assert form == "csv" or len(text.splitlines()) == len(rows)


class OneMemory:
    """Every run's sink is the same one."""

    def __init__(self) -> None:
        self._sink = MemorySink()

    def sink(self) -> MemorySink:
        return self._sink

    another_sink = sink


class TestReuseInMemory(ReusableSinkContract):
    @pytest.fixture
    def reusable(self) -> Reusable:
        return OneMemory()
