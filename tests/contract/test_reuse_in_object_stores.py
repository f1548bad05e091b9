"""Rows of earlier runs in object storage, and the hashes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pytest
from msgspec import structs

from nightsort.adapters.object_store.sink import ObjectRows
from nightsort.api.object_store import ObjectStoreResults
from nightsort.api.resource import Meta
from nightsort.domain.errors import Stalled
from nightsort.domain.fields import AskedField
from nightsort.testing.sink_contract import (
    HASH,
    SUMMARY,
    Reusable,
    ReusableSinkContract,
    SinkContract,
    Store,
    chunks,
    hashed,
    labeled,
)
from tests.contract.object_bench import OWNER, Bench
from tests.contract.object_places import Place, place

__all__ = ["place"]

Form = Literal["jsonl", "csv"]


def sink_of(place: Place, name: str, form: Form = "jsonl", *, reuses: bool = True) -> ObjectRows:
    results = ObjectStoreResults(url=f"{place.url}results/", format=form)
    return ObjectRows(results, place.options, place.policy, Meta("support", name, f"uid-{name}"), reuses=reuses)


@dataclass
class Nights(Bench):
    def sink(self, fields: Sequence[AskedField] = ()) -> ObjectRows:
        return sink_of(self.place, OWNER.name, self.form)

    def another_sink(self) -> ObjectRows:
        """Of a later run, which may store its rows in the other format."""
        return sink_of(self.place, "tomorrow", "csv" if self.form == "jsonl" else "jsonl")


@pytest.fixture(params=["jsonl", "csv"])
def nights(place: Place, request: pytest.FixtureRequest) -> Nights:
    return Nights(place, request.param)


class TestObjects(ReusableSinkContract, SinkContract):
    @pytest.fixture
    def reusable(self, nights: Nights) -> Reusable:
        return nights

    @pytest.fixture
    def store(self, nights: Nights) -> Store:
        return nights


async def test_nothing_but_rows_is_read_below_the_url(place: Place) -> None:
    await sink_of(place, "monday").write(chunks(hashed(labeled("1"))))
    await sink_of(place, "monday").finish(SUMMARY)
    for name in ("results/notes.jsonl", "results/monday/rows.jsonl", "results/a/b/rows-01234567-x.jsonl"):
        place.objects.put(name, b"no rows")

    assert set(await sink_of(place, "tuesday").unchanged({"1": HASH, "2": HASH})) == {"1"}


async def test_rows_of_runs_without_reuse_are_read_over(place: Place) -> None:
    for form in ("jsonl", "csv"):
        await sink_of(place, f"old-{form}", form, reuses=False).write(chunks(labeled("1")))
    await sink_of(place, "new", "csv").write(chunks(hashed(labeled("2"))))

    assert set(await sink_of(place, "tonight").unchanged({"1": HASH, "2": HASH})) == {"2"}


async def test_a_row_that_somebody_has_spoilt_stalls_the_run_before_it_buys(place: Place) -> None:
    await sink_of(place, "monday").write(chunks(hashed(labeled("1"))))
    [name] = [name for name in place.objects.names() if "/rows-" in name]
    place.objects.put(name, place.objects.get(name)[:-20] + b"\n")

    with pytest.raises(Stalled, match=f"object monday/{name.rpartition('/')[2]}: line 1 is no row") as caught:
        await sink_of(place, "tuesday").unchanged({"1": HASH})
    assert caught.value.reason == "ResultsDamaged"


async def test_the_newest_nights_are_read_first_and_no_more_than_needed(place: Place) -> None:
    """Many years of rows cost nothing where last night's say all."""
    await sink_of(place, "night-2026-11-01").write(chunks(hashed(labeled("1"))))
    await sink_of(place, "night-2026-11-02").write(chunks(hashed(labeled("1"))))
    [oldest, _] = sorted(name for name in place.objects.names() if "/rows-" in name)
    place.objects.put(oldest, b"not a row")

    assert set(await sink_of(place, "night-2026-11-03").unchanged({"1": HASH})) == {"1"}


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_a_store_without_reuse_has_the_rows_that_it_always_had(place: Place, form: Form) -> None:
    row = structs.replace(labeled("1"), hash=HASH)
    await sink_of(place, "plain", form, reuses=False).write(chunks(row))

    [name] = [name for name in place.objects.names() if "/rows-" in name]
    assert b"hash" not in place.objects.get(name)
    assert HASH.encode() not in place.objects.get(name)
