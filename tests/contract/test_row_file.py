"""Results of local mode: one file with all rows, whatever their number."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.adapters.local.config_maps import FileConfigMaps
from nightsort.adapters.local.row_file import RowFile, pages_of
from nightsort.api.resource import Meta
from nightsort.api.results import ConfigMapResults
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled
from nightsort.domain.stored import Rehearsal
from nightsort.formats.rows import FULL_PART
from nightsort.ports import Sink
from nightsort.testing.sink_contract import SUMMARY, SinkContract, chunks, failed, labeled
from nightsort.wiring.local_rows import LocalFiles

OWNER, OTHER = Meta("support", "tonight", "uid-1"), Meta("support", "yesterday", "uid-2")
MANY = 13_000
"""Rows that need two ConfigMaps of the cluster."""


@dataclass
class Folder:
    state: Path
    form: Literal["jsonl", "csv"] = "jsonl"

    @property
    def path(self) -> Path:
        return self.state / "support" / "tonight-results"

    def sink(self, owner: Meta = OWNER, name: str | None = None) -> Sink:
        return RowFile(FileConfigMaps(self.state), owner, ConfigMapResults(name=name, format=self.form))

    def rows(self) -> list[Row]:
        return [row for page in pages_of(self.path) for row in page]

    def read(self) -> dict[str, tuple[str | None, str]]:
        return {row.id: (row.category, row.verdict.value) for row in self.rows()} if self.path.exists() else {}


@pytest.fixture(params=["jsonl", "csv"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    return Folder(tmp_path, request.param)


class TestRowFile(SinkContract):
    """As every sink."""


async def test_rows_beyond_the_size_of_a_config_map_are_in_one_file_in_the_order_of_arrival(store: Folder) -> None:
    rows = [labeled(str(number)) for number in range(MANY)]
    await store.sink().check(Rehearsal(200_000))

    await store.sink().write(chunks(*rows[: MANY // 2], size=1_000))
    written = await store.sink().write(chunks(*rows[MANY // 2 :], size=1_000))
    await store.sink().finish(SUMMARY)

    [path] = store.path.glob("results.*")
    assert path.stat().st_size > FULL_PART
    assert [row.id for row in store.rows()] == [row.id for row in rows]
    assert written.where == {"config_maps": ("tonight-results",)}
    assert sorted(one.name for one in store.path.iterdir()) == [".config-map.json", path.name, "summary.json"]


async def test_a_row_keeps_its_place_and_a_category_is_final(store: Folder) -> None:
    await store.sink().write(chunks(labeled("1"), failed("2"), labeled("3\n,")))
    await store.sink().write(chunks(failed("1"), labeled("2", "account"), failed("3\n,"), failed("4")))

    assert list(store.read().items()) == [
        ("1", ("billing", "Labeled")),
        ("2", ("account", "Labeled")),
        ("3\n,", ("billing", "Labeled")),
        ("4", (None, "Errored")),
    ]
    assert store.rows()[0] == labeled("1")


async def test_a_write_that_fails_leaves_the_former_rows_and_nothing_else(
    store: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.sink().write(chunks(labeled("1")))
    monkeypatch.setattr(os, "fsync", full_disk)

    with pytest.raises(Stalled, match=r"cannot write .*No space left"):
        await store.sink().write(chunks(labeled("2")))

    assert list(store.read()) == ["1"]
    assert not list(store.path.glob("*.part"))


def full_disk(_: int) -> None:
    raise OSError(28, "No space left on device")


async def test_the_name_belongs_to_the_resource_that_came_first(store: Folder) -> None:
    await store.sink().claim()  # type: ignore[attr-defined]
    second = store.sink(OTHER, "tonight-results")

    for attempt in (second.check(Rehearsal(1)), second.write(chunks(labeled("1")))):
        with pytest.raises(Stalled, match="does not belong to this resource: it is of ClassificationBatch tonight"):
            await attempt

    assert store.read() == {}


async def test_a_line_that_somebody_has_spoilt_is_named_with_its_file(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    await store.sink().write(chunks(labeled("1"), labeled("2")))
    path = store.path / "results.jsonl"
    path.write_text(path.read_text() + "spoilt\n")

    for attempt in (store.sink().write(chunks(labeled("3"))), reading(store.rows)):
        with pytest.raises(Stalled, match=rf"{path}: line 3 is no row of results; somebody has changed it"):
            await attempt


async def reading(rows: Callable[[], Any]) -> None:
    rows()


async def test_rows_that_an_earlier_version_has_cut_are_known_as_such(tmp_path: Path) -> None:
    former = ConfigMapRows(FileConfigMaps(tmp_path), OWNER, ConfigMapResults())
    await former.write(chunks(*(labeled(str(number)) for number in range(MANY)), size=1_000))

    there = LocalFiles.of(tmp_path, ())
    rows = [row.id async for page in there.rows(OWNER, "tonight-results") for row in page]

    assert rows == [str(number) for number in range(MANY)]
    assert there.config_maps.has_parts("support", "tonight-results")
    assert not there.config_maps.has_parts("support", "others")
