"""A CRD older than the operator, and a spec that leaves no room: nothing is bought that could not be written down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightsort.adapters.kubernetes.client import connected
from nightsort.adapters.kubernetes.ledger import KubeLedger
from nightsort.api.batch_record import BatchRecord, BatchState, Seen, Usage
from nightsort.api.condition import Condition
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.errors import Stalled
from nightsort.domain.record_size import RETRIES_BYTES, size_of
from nightsort.domain.room import Room
from tests.cluster.bench import SimulatedApi, User, batch, condition, inline, reason, start_operator
from tests.cluster.controlplane.plane import TOP, ControlPlane

pytestmark = pytest.mark.cluster
CRD = TOP / "crds" / "nightsort.dev_classificationbatches.yaml"
LACKING = ("labeled", "turn", "seen")
NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def old_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of its own: which CRD is in force concerns all who use it."""
    with ControlPlane(tmp_path_factory.mktemp("old")) as plane:
        yield plane


@pytest.fixture
def older(old_plane: ControlPlane, tmp_path: Path) -> ControlPlane:
    """With the CRD of an earlier version, whose entries of batches lack some fields."""
    old_plane.apply_crds(older_crd(tmp_path))
    return old_plane


def older_crd(folder: Path) -> Path:
    """A folder with it."""
    crd = yaml.safe_load(CRD.read_text())
    fields = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    for name in LACKING:
        del fields["batches"]["items"]["properties"][name]
    (folder / "crd.yaml").write_text(yaml.safe_dump(crd))
    return folder


def test_nothing_is_bought_under_an_older_crd_and_the_run_goes_on_under_this_one(
    older: ControlPlane, quick_api: SimulatedApi, tmp_path: Path
) -> None:
    user = User(older, "default")
    variables: dict[str, Any] = {"NIGHTSORT_ANTHROPIC_API_KEY": "older-crd", "NIGHTSORT_LEASE": "default/nightsort"}
    with start_operator(older, quick_api.url, tmp_path / "operator.log", "--namespace", "default", **variables):
        user.apply(batch("early", inline("I was charged twice", "The app crashes")))
        status = user.told("early", lambda status: reason(status) == "CrdOutdated")
        assert condition(status, "Stalled") == "True"
        for name in LACKING:
            assert f"status.batches.{name}" in status["message"]
        assert not status.get("batches")

        older.apply_crds(CRD.parent)

        ended = user.finished("early", seconds=90)["status"]
    assert condition(ended, "Complete") == "True"
    assert ended["tickets"]["labeled"] == 2
    [bought] = quick_api.batches({each["id"] for each in ended["batches"]})
    assert bought["paid"] == 2


async def test_a_rolled_back_crd_shows_less_than_was_written_and_takes_no_last_status(
    old_plane: ControlPlane, tmp_path: Path
) -> None:
    """As the ledger in memory does it: fields go when they are read, and for good when somebody writes."""
    old_plane.apply_crds(CRD.parent)
    old_plane.kubectl("create", "-n", "default", "-f", "-", input=json.dumps(batch("rolled-back", inline("Help"))))
    found = Resource.served(json.loads(old_plane.kubectl("get", "cb", "rolled-back", "-n", "default", "-o", "json")))
    whole = Status(batches=(entry(0, "x").model_copy(update={"turn": 7}),))
    async with connected(str(old_plane.kubeconfig)) as client:
        ledger = KubeLedger(client)
        written = await ledger.save(found.meta, whole)
        old_plane.apply_crds(older_crd(tmp_path))

        async def shown() -> int:
            there = await ledger.load(written)
            assert there is not None
            return there.status.batches[0].turn

        for _ in range(100):  # the API server takes a moment to follow
            if await shown() == 0:
                break
            await asyncio.sleep(0.1)
        assert await shown() == 0
        with pytest.raises(Stalled) as refused:
            await ledger.save(written, whole.model_copy(update={"completion_time": NOW}))
        assert "Apply the CRD" in refused.value.message or "apply it" in refused.value.message
        old_plane.apply_crds(CRD.parent)
        for _ in range(100):
            if await shown() == 7:
                break
            await asyncio.sleep(0.1)
        assert await shown() == 7, "nobody has written it"
    old_plane.kubectl("delete", "cb", "rolled-back", "-n", "default")


def entry(shard: int, cursor: str) -> BatchRecord:
    """One with all that it may hold, as long as that may be."""
    seen = Seen(newest="m" * 36, created_at=NOW, organization="o" * 36, workspace="w" * 36, key="k" * 43)
    return BatchRecord(
        shard=shard, attempt=10, tag="k3f9a2", state=BatchState.SUBMITTED, id="msgbatch_" + "0" * 24, requests=100_000,
        text_bytes=256_000_000, intended_at=NOW, submitted_at=NOW, ended_at=NOW, labeled=100_000, retried_in=499,
        usage=Usage(input_tokens=100_000_000, output_tokens=1_000_000), after=cursor, through=cursor, seen=seen,
    )  # fmt: skip


@pytest.mark.parametrize("size", [1_000, 200_000, 1_150_000])
@pytest.mark.parametrize("letter", ["x", "<", '"', "票"])
async def test_etcd_takes_the_largest_record_beside_a_spec_that_is_not_refused(
    old_plane: ControlPlane, size: int, letter: str
) -> None:
    """Applied, so that an annotation repeats what is small enough for one."""
    old_plane.apply_crds(CRD.parent)
    stored = {"<": 6, '"': 2, "票": 3}.get(letter, 1)
    text = letter * (size // 400 // stored)
    body = {"inline": {"tickets": [{"id": str(number), "subject": "", "body": text} for number in range(400)]}}
    name = f"full-{ord(letter)}-{size}"
    manifest: dict[str, Any] = batch(name, body)
    flags = ("--server-side",) if size > 200_000 else ()
    old_plane.kubectl("apply", "-n", "default", *flags, "-f", "-", input=json.dumps(manifest))
    found = Resource.served(json.loads(old_plane.kubectl("get", "cb", name, "-n", "default", "-o", "json")))

    room, batches = Room.beside(found.spec).for_retries(), list[BatchRecord]()
    while len(batches) < room.places and sum(map(size_of, batches)) <= room.bytes:
        batches.append(entry(len(batches), letter * 100))
    message = "m" * 4_000
    told = Condition(type="Ready", status="False", last_transition_time=NOW, reason="Waiting", message=message)
    conditions = tuple(told.model_copy(update={"type": each}) for each in ("Ready", "Stalled", "Reconciling"))
    status = Status(batches=tuple(batches[:-1]), message=message, conditions=conditions)

    async with connected(str(old_plane.kubeconfig)) as client:
        ledger = KubeLedger(client)
        written = await ledger.save(found.meta, status)
        loaded = await ledger.load(written)

    assert room.bytes >= RETRIES_BYTES
    assert loaded is not None
    assert loaded.status.batches == replace(found, status=status).status.batches
    old_plane.kubectl("delete", "cb", name, "-n", "default")


def test_a_spec_that_leaves_no_room_is_refused_before_anything_is_bought(
    old_plane: ControlPlane, quick_api: SimulatedApi, tmp_path: Path
) -> None:
    old_plane.apply_crds(CRD.parent)
    user = User(old_plane, "default")
    variables: dict[str, Any] = {"NIGHTSORT_ANTHROPIC_API_KEY": "no-room", "NIGHTSORT_LEASE": "default/nightsort"}
    bodies = ["x" * 3_400] * 400
    manifest = json.dumps(batch("huge", inline(*bodies), shards={"maxRequests": 1}))
    with start_operator(old_plane, quick_api.url, tmp_path / "operator.log", "--namespace", "default", **variables):
        old_plane.kubectl("create", "-n", "default", "-f", "-", input=manifest)
        status = user.finished("huge")["status"]

    assert reason(status) == "SpecTooLarge"
    assert not status.get("batches")
