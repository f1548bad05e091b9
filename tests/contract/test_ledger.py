"""Ledger: memory, files and the cluster keep the same promises."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from nightsort.adapters.kubernetes.client import connected
from nightsort.adapters.kubernetes.copies import ENTRY_BYTES, LastSeen, Seen, name_of
from nightsort.adapters.kubernetes.id_parts import MAX_PARTS, PART_BYTES
from nightsort.adapters.kubernetes.ledger import KubeLedger
from nightsort.adapters.local.ledger import FileLedger, opened
from nightsort.adapters.local.state import opened as opened_state
from nightsort.adapters.local.state_ledger import StateLedger
from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.condition import Condition
from nightsort.api.cost import Cost
from nightsort.api.counts import TicketCounts
from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.errors import Conflict, Gone, Rejected, Stalled, Waiting
from nightsort.domain.recovery import Kept, worth_keeping
from nightsort.ports import Ledger
from nightsort.testing.ledger import MemoryLedger
from tests.cluster.controlplane.plane import ControlPlane
from tests.support.manifests import manifest, stored
from tests.support.waiting import eventually

TAG = "k3f9a2"
NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


@dataclass
class Place:
    """A ledger, and what others do to the resources in it."""

    ledger: Ledger
    add: Callable[[str], Meta]
    remove: Callable[[Meta], None]


@asynccontextmanager
async def memory(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    ledger = MemoryLedger()

    def add(name: str) -> Meta:
        return ledger.add(Resource.of(stored(name, str(uuid4())))).meta

    yield Place(ledger, add, ledger.lose)


@asynccontextmanager
async def file(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    with opened(request.getfixturevalue("tmp_path"), ()) as ledger:

        def add(name: str) -> Meta:
            resource = Resource.of(stored(name, str(uuid4())))
            ledger.resources[resource.meta.key] = resource
            return resource.meta

        def remove(meta: Meta) -> None:
            del ledger.resources[meta.key]

        yield Place(ledger, add, remove)


@asynccontextmanager
async def state(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    with opened_state(request.getfixturevalue("tmp_path") / "state.sqlite", "a test") as state:
        ledger = StateLedger(state)

        def add(name: str) -> Meta:
            made = Resource.of(stored(name, str(uuid4())))
            return ledger.add(made.meta, made.spec, "tickets.csv").meta

        yield Place(ledger, add, lambda meta: ledger.forget(meta.uid))


@asynccontextmanager
async def kube(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    plane: ControlPlane = request.getfixturevalue("plane")
    namespace: str = request.getfixturevalue("namespace")

    def add(name: str) -> Meta:
        created = plane.kubectl("create", "-n", namespace, "-o", "json", "-f", "-", input=json.dumps(manifest(name)))
        return Meta.of(json.loads(created))

    def remove(meta: Meta) -> None:
        plane.kubectl("delete", "cb", "-n", namespace, meta.name)

    async with connected(str(plane.kubeconfig)) as client:
        yield Place(KubeLedger(client), add, remove)


Open = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Place]]


@pytest.fixture(
    params=[memory, file, state, pytest.param(kube, marks=pytest.mark.cluster)], ids=lambda kind: kind.__name__
)
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    kind: Open = request.param
    async with kind(request) as place:
        yield place


def record(batch: str | None = None, shard: int = 0) -> BatchRecord:
    state = BatchState.SUBMITTED if batch else BatchState.INTENDED
    moment = NOW.replace(microsecond=456789)
    return BatchRecord(shard=shard, attempt=0, tag=TAG, state=state, id=batch, requests=3, intended_at=moment)


def full_status() -> Status:
    """A status with something in each of its parts."""
    return Status(
        observed_generation=1,
        phase="Processing",
        message="Über 3 tickets ✓",
        start_time=NOW,
        cursor="17",
        tickets=TicketCounts(total=3, in_flight=3),
        batches=(record("msgbatch_01"), record(shard=1)),
        cost=Cost(estimated_usd="0.48"),
        conditions=(
            Condition(
                type="Ready", status="False", observed_generation=1, last_transition_time=NOW, reason="Processing"
            ),
        ),
    )


async def test_a_new_resource_has_an_empty_status(place: Place) -> None:
    meta = place.add("tickets")

    loaded = await place.ledger.load(meta)

    assert loaded is not None
    assert (loaded.meta, loaded.status, loaded.spec.model) == (meta, Status(), "claude-haiku-4-5")


async def test_what_was_saved_is_loaded(place: Place) -> None:
    meta = place.add("tickets")

    saved = await place.ledger.save(meta, full_status())
    loaded = await place.ledger.load(meta)

    assert loaded is not None
    assert loaded.status == full_status()
    assert loaded.meta == saved


async def test_what_is_no_longer_there_is_not_kept(place: Place) -> None:
    meta = await place.ledger.save(place.add("tickets"), full_status())

    await place.ledger.save(meta, Status(phase="Pending"))

    loaded = await place.ledger.load(meta)
    assert loaded is not None
    assert loaded.status == Status(phase="Pending")


async def test_each_save_goes_on_from_the_version_of_the_one_before(place: Place) -> None:
    meta = place.add("tickets")

    for phase in ("Pending", "Submitting", "Processing"):
        meta = await place.ledger.save(meta, Status(phase=phase))

    loaded = await place.ledger.load(meta)
    assert loaded is not None
    assert loaded.status.phase == "Processing"


async def test_a_save_from_an_old_version_is_refused_and_writes_nothing(place: Place) -> None:
    old = await place.ledger.save(place.add("tickets"), Status(phase="Pending"))
    await place.ledger.save(old, Status(phase="Processing"))

    with pytest.raises(Conflict):
        await place.ledger.save(old, Status(phase="Submitting"))
    with pytest.raises(Conflict):
        await place.ledger.save(old, Status(phase="Processing"))

    loaded = await place.ledger.load(old)
    assert loaded is not None
    assert loaded.status.phase == "Processing"


async def test_a_resource_that_was_deleted_is_gone(place: Place) -> None:
    meta = place.add("tickets")
    place.remove(meta)

    assert await place.ledger.load(meta) is None
    with pytest.raises(Gone):
        await place.ledger.save(meta, full_status())


async def test_another_resource_of_the_same_name_is_not_taken_for_the_first(place: Place) -> None:
    meta = place.add("tickets")
    place.remove(meta)
    other = place.add("tickets")

    assert await place.ledger.load(meta) is None
    with pytest.raises(Gone):
        await place.ledger.save(meta, full_status())

    loaded = await place.ledger.load(other)
    assert loaded is not None
    assert loaded.status == Status()


async def test_the_batches_of_all_resources_are_owned(place: Place) -> None:
    await place.ledger.save(place.add("first"), Status(batches=(record("msgbatch_01"), record(shard=1))))
    await place.ledger.save(place.add("second"), Status(batches=(record("msgbatch_02"),)))
    place.add("third")

    assert {"msgbatch_01", "msgbatch_02"} <= await place.ledger.owned_batches()


async def test_a_batch_is_owned_as_soon_as_its_id_is_saved(place: Place) -> None:
    meta = await place.ledger.save(place.add("tickets"), Status(batches=(record(),)))
    before = await place.ledger.owned_batches()
    name = f"msgbatch_{uuid4()}"

    await place.ledger.save(meta, Status(batches=(record(name),)))

    assert await place.ledger.owned_batches() - before == {name}


async def test_the_others_are_the_unfinished_of_the_namespace_with_their_status(place: Place) -> None:
    meta = place.add("tickets")
    other = await place.ledger.save(place.add("other"), full_status())
    await place.ledger.save(place.add("ended"), full_status().model_copy(update={"completion_time": NOW}))

    [found] = await place.ledger.others(meta)

    assert (found.meta, found.status) == (other, full_status())


async def test_the_ended_are_those_of_the_namespace_that_have_ended_with_their_status(place: Place) -> None:
    meta = await place.ledger.save(place.add("tickets"), full_status().model_copy(update={"completion_time": NOW}))
    await place.ledger.save(place.add("other"), full_status())
    done = full_status().model_copy(update={"completion_time": NOW})
    ended = await place.ledger.save(place.add("ended"), done)

    [found] = await place.ledger.ended(meta)

    assert found.meta == ended
    assert found.status.model_copy(update={"batches": ()}) == done.model_copy(update={"batches": ()})


async def test_the_unfinished_are_those_that_have_not_ended(place: Place) -> None:
    begun = await place.ledger.save(place.add("begun"), Status(phase="Processing"))
    ended = await place.ledger.save(
        place.add("ended"), Status(phase="Complete", completion_time=datetime(2026, 11, 22, tzinfo=UTC))
    )

    found = [resource.meta for resource in await place.ledger.unfinished()]

    assert begun in found
    assert ended not in found


async def test_what_is_removed_is_gone(place: Place) -> None:
    meta = await place.ledger.save(place.add("tickets"), full_status())

    await place.ledger.remove(meta)

    assert await place.ledger.load(meta) is None
    with pytest.raises(Gone):
        await place.ledger.remove(meta)


async def test_what_has_changed_since_is_not_removed(place: Place) -> None:
    old = await place.ledger.save(place.add("tickets"), Status(phase="Pending"))
    await place.ledger.save(old, Status(phase="Processing"))

    with pytest.raises(Conflict):
        await place.ledger.remove(old)

    assert await place.ledger.load(old) is not None


async def test_another_resource_of_the_same_name_is_not_removed(place: Place) -> None:
    meta = place.add("tickets")
    place.remove(meta)
    other = place.add("tickets")

    with pytest.raises(Gone):
        await place.ledger.remove(meta)

    assert await place.ledger.load(other) is not None


async def test_a_copy_of_the_record_is_kept_beside_the_status(place: Place) -> None:
    meta = place.add("tickets")
    assert await place.ledger.kept_record(meta) == Kept()

    await place.ledger.keep_record(meta, Status(cursor="1"))
    await place.ledger.keep_record(meta, full_status())
    meta = await place.ledger.save(meta, Status())

    assert await place.ledger.kept_record(meta) == Kept(worth_keeping(full_status()))


async def test_a_copy_is_not_replaced_by_one_that_lacks_its_batches_unless_they_are_to_go(place: Place) -> None:
    meta = place.add("tickets")
    await place.ledger.keep_record(meta, full_status())
    less = full_status().model_copy(update={"batches": ()})

    with pytest.raises(Conflict):
        await place.ledger.keep_record(meta, less)
    assert await place.ledger.kept_record(meta) == Kept(worth_keeping(full_status()))

    await place.ledger.keep_record(meta, less, removing=True)
    assert await place.ledger.kept_record(meta) == Kept(worth_keeping(less))


async def test_a_word_is_kept_in_the_place_of_the_copy_and_stays_beside_the_next(place: Place) -> None:
    meta = place.add("tickets")
    await place.ledger.keep_record(meta, full_status())

    await place.ledger.forget_record(meta, "2026-11-28")
    assert await place.ledger.kept_record(meta) == Kept(None, "2026-11-28")
    await place.ledger.keep_record(meta, Status(cursor="1"))

    assert await place.ledger.kept_record(meta) == Kept(Status(cursor="1"), "2026-11-28")


async def test_a_large_record_has_a_copy(place: Place) -> None:
    meta = place.add("tickets")
    large = Status(
        batches=tuple(
            record(f"msgbatch_{shard}", shard).model_copy(update={"after": f"{shard}" * 100, "through": "票" * 500})
            for shard in range(480)
        )
    )

    await place.ledger.keep_record(meta, large)

    assert (await place.ledger.kept_record(meta)).status == large


async def test_long_ids_are_kept_by_tag(place: Place) -> None:
    meta = place.add("tickets")
    await place.ledger.keep_long_ids(meta, TAG, {"d1": "long/" * 100, "d2": "ticket ✓"})
    await place.ledger.keep_long_ids(meta, "other1", {"d3": "three"})

    assert await place.ledger.long_ids(meta, TAG) == {"d1": "long/" * 100, "d2": "ticket ✓"}
    assert await place.ledger.long_ids(meta, "other1") == {"d3": "three"}
    assert await place.ledger.long_ids(meta, "never1") == {}


async def test_keeping_long_ids_twice_changes_nothing(place: Place) -> None:
    meta = place.add("tickets")

    await place.ledger.keep_long_ids(meta, TAG, {"d1": "one"})
    await place.ledger.keep_long_ids(meta, TAG, {"d1": "one"})

    assert await place.ledger.long_ids(meta, TAG) == {"d1": "one"}


async def test_long_ids_do_not_make_the_record_conflict(place: Place) -> None:
    meta = place.add("tickets")

    await place.ledger.keep_long_ids(meta, TAG, {"d1": "one"})

    await place.ledger.save(meta, Status(phase="Pending"))


# --- of the cluster's ledger alone ---------------------------------------------------------------------------------


@pytest.fixture
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with kube(request) as place:
        yield place


@pytest.mark.cluster
async def test_a_copy_that_another_process_has_written_since_is_read_before_it_is_replaced(
    plane: ControlPlane, cluster: Place
) -> None:
    meta = cluster.add("tickets")
    await cluster.ledger.keep_record(meta, Status(cursor="1"))
    async with connected(str(plane.kubeconfig)) as client:
        await KubeLedger(client).keep_record(meta, full_status())

    with pytest.raises(Conflict):
        await cluster.ledger.keep_record(meta, Status(cursor="2"))

    assert await cluster.ledger.kept_record(meta) == Kept(worth_keeping(full_status()))


@pytest.mark.cluster
async def test_a_copy_that_another_process_has_made_smaller_is_no_obstacle(plane: ControlPlane, cluster: Place) -> None:
    meta = cluster.add("tickets")
    await cluster.ledger.keep_record(meta, full_status())
    async with connected(str(plane.kubeconfig)) as client:
        await KubeLedger(client).forget_record(meta, "2026-11-28")

    await cluster.ledger.keep_record(meta, Status(cursor="2"))

    assert await cluster.ledger.kept_record(meta) == Kept(Status(cursor="2"), "2026-11-28")


@pytest.mark.cluster
async def test_a_copy_that_was_deleted_is_made_again(plane: ControlPlane, namespace: str, cluster: Place) -> None:
    meta = cluster.add("tickets")
    await cluster.ledger.keep_record(meta, full_status())
    plane.kubectl("delete", "configmap", "-n", namespace, name_of(meta))

    await cluster.ledger.keep_record(meta, full_status())

    assert await cluster.ledger.kept_record(meta) == Kept(worth_keeping(full_status()))


def test_what_is_remembered_of_copies_has_a_bound() -> None:
    last = LastSeen(most_bytes=3 * (ENTRY_BYTES + 1000))
    for number in range(5):
        last.remember(f"{number}", Seen("1", b"x" * 1000))
    last.remember("4", Seen("2", b"x" * 1000))

    assert [last.of(f"{number}") is not None for number in range(5)] == [False, False, True, True, True]
    last.remember("large", Seen("1", b"x" * 10_000))
    assert last.of("large") is None


def incompressible(megabytes: int) -> dict[str, str]:
    """Ids that stay as large as they are: two digits of hexadecimal compress to no less than a byte."""
    import random

    generator = random.Random(1)
    return {f"{number:040x}": generator.randbytes(5000).hex() for number in range(megabytes * 200)}


@pytest.mark.cluster
async def test_many_long_ids_are_cut_into_config_maps_that_go_with_the_resource(
    plane: ControlPlane, namespace: str, cluster: Place
) -> None:
    meta = cluster.add("tickets")
    ids = incompressible(3)

    await cluster.ledger.keep_long_ids(meta, TAG, ids)
    await cluster.ledger.keep_long_ids(meta, TAG, ids)

    kept = ("get", "configmap", "-n", namespace, "-l", "nightsort.dev/resource=tickets", "-o", "name")
    assert len(plane.kubectl(*kept).splitlines()) > 3
    assert await cluster.ledger.long_ids(meta, TAG) == ids
    cluster.remove(meta)
    eventually(lambda: not plane.kubectl(*kept))


@pytest.mark.cluster
async def test_a_lost_part_of_the_long_ids_is_told(plane: ControlPlane, namespace: str, cluster: Place) -> None:
    meta = cluster.add("tickets")
    await cluster.ledger.keep_long_ids(meta, TAG, incompressible(2))
    plane.kubectl("delete", "configmap", "-n", namespace, f"tickets-ids-{TAG}-1")

    with pytest.raises(Stalled, match=f"ConfigMap tickets-ids-{TAG}-1 is missing"):
        await cluster.ledger.long_ids(meta, TAG)


@pytest.mark.cluster
async def test_more_long_ids_than_the_cluster_keeps_are_refused_with_what_to_do(cluster: Place) -> None:
    with pytest.raises(Rejected, match=r"lower shards\.maxRequests"):
        await cluster.ledger.keep_long_ids(
            cluster.add("tickets"), TAG, incompressible(MAX_PARTS * PART_BYTES // 1_000_000 + 1)
        )


@pytest.mark.cluster
async def test_a_long_list_is_read_to_its_end(cluster: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightsort.adapters.kubernetes.ledger.PAGE", 2)
    mine = {f"msgbatch_{uuid4()}" for _ in range(5)}
    for number, batch in enumerate(mine):
        await cluster.ledger.save(cluster.add(f"r{number}"), Status(batches=(record(batch),)))

    assert mine <= await cluster.ledger.owned_batches()


@pytest.mark.cluster
async def test_a_conflict_over_a_resource_that_cannot_be_parsed_is_one(
    plane: ControlPlane, namespace: str, cluster: Place
) -> None:
    """It is being refused, while somebody else writes it."""
    ambiguous = manifest("unclear", categories=[{"name": "billing", "aliases": ["other"]}, {"name": "other"}])
    created = plane.kubectl("create", "-n", namespace, "-o", "json", "-f", "-", input=json.dumps(ambiguous))
    plane.kubectl("annotate", "cb", "-n", namespace, "unclear", "example.com/touched=yes")

    with pytest.raises(Conflict):
        await cluster.ledger.save(Meta.of(json.loads(created)), Status())


@pytest.mark.cluster
async def test_only_the_watched_namespaces_are_listed(plane: ControlPlane, namespace: str, cluster: Place) -> None:
    await cluster.ledger.save(cluster.add("tickets"), Status(batches=(record("msgbatch_of_this_namespace"),)))
    async with connected(str(plane.kubeconfig)) as client:
        assert await KubeLedger(client, [namespace]).owned_batches() == {"msgbatch_of_this_namespace"}
        assert await KubeLedger(client, ["default"]).owned_batches() == set()


@pytest.fixture
def one_team(plane: ControlPlane, namespace: str) -> Path:
    """A kubeconfig of an account that may list the resources of the test's namespace, and of no other."""
    where = ("--namespace", namespace)
    plane.kubectl("create", "serviceaccount", "operator", *where)
    plane.kubectl("create", "role", "lister", "--verb=list", "--resource=classificationbatches.nightsort.dev", *where)
    plane.kubectl("create", "rolebinding", "lister", "--role=lister", f"--serviceaccount={namespace}:operator", *where)
    return plane.kubeconfig_of(namespace, "operator")


@pytest.mark.cluster
async def test_a_namespace_that_is_gone_with_its_role_holds_up_no_other(
    namespace: str, one_team: Path, cluster: Place, caplog: pytest.LogCaptureFixture
) -> None:
    meta = await cluster.ledger.save(cluster.add("tickets"), Status(batches=(record("msgbatch_of_this_team"),)))
    async with connected(str(one_team)) as client:
        ledger = KubeLedger(client, ["gone", namespace])

        assert await ledger.owned_batches() == {"msgbatch_of_this_team"}
        assert [resource.meta for resource in await ledger.unfinished()] == [meta]

        told = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
        assert len(told) == 1, "said once"
        assert "cannot list the resources of namespace gone: " in told[0]
        with pytest.raises(Stalled, match="cannot list the resources of namespace gone"):
            await ledger.others(replace(meta, namespace="gone"))


@pytest.mark.cluster
async def test_where_no_namespace_lets_us_in_nothing_is_taken_for_unowned(one_team: Path) -> None:
    async with connected(str(one_team)) as client:
        with pytest.raises(Stalled, match=r"cannot list the resources of namespace gone: .* is not allowed to"):
            await KubeLedger(client, ["gone", "away"]).owned_batches()


@pytest.mark.cluster
async def test_a_kind_that_is_not_served_is_no_resource_that_is_gone(
    namespace: str, cluster: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = cluster.add("tickets")
    monkeypatch.setattr("nightsort.adapters.kubernetes.ledger.PLURAL", "otherbatches")

    with pytest.raises(Waiting, match=f"cannot list the resources of namespace {namespace}: there is no such kind"):
        await cluster.ledger.others(meta)


@pytest.mark.cluster
async def test_a_status_that_the_schema_refuses_names_the_field_and_not_the_value(cluster: Place) -> None:
    status = Status(phase="Pending").model_copy(update={"cursor": "private" * 1000})

    with pytest.raises(Stalled, match=r"refuses status\.cursor\. The CRD is not that of") as refused:
        await cluster.ledger.save(cluster.add("tickets"), status)

    assert "private" not in refused.value.message


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_status_that_does_not_fit_is_told(cluster: Place) -> None:
    batches = tuple(
        record(f"b{shard}", shard).model_copy(update={"after": "a" * 1024, "through": "b" * 1024})
        for shard in range(499)
    )
    status = Status(batches=batches, conditions=tuple(condition(number) for number in range(16)))

    with pytest.raises(Stalled, match="larger than Kubernetes stores"):
        await cluster.ledger.save(cluster.add("tickets"), status)


def condition(number: int) -> Condition:
    return Condition(type=f"C{number}", status="True", last_transition_time=NOW, reason="r", message="ü" * 32768)


@pytest.mark.cluster
async def test_what_is_remembered_of_ended_runs_are_their_figures_and_not_their_batches(cluster: Place) -> None:
    await cluster.ledger.save(cluster.add("ended"), full_status().model_copy(update={"completion_time": NOW}))

    [found] = await cluster.ledger.ended(cluster.add("tickets"))

    assert found.status.message == full_status().message
    assert found.status.batches == ()


@pytest.mark.cluster
async def test_what_the_operator_may_not_do_is_said(plane: ControlPlane, namespace: str, cluster: Place) -> None:
    meta = cluster.add("tickets")
    plane.kubectl("create", "serviceaccount", "nobody", "-n", namespace)

    async with connected(str(plane.kubeconfig_of(namespace, "nobody"))) as client:
        ledger = KubeLedger(client)
        with pytest.raises(Stalled, match=r"cannot read .*/tickets: .* is not allowed to"):
            await ledger.load(meta)
        with pytest.raises(Stalled, match="cannot write the status of"):
            await ledger.save(meta, Status())
        with pytest.raises(Stalled, match="cannot list the resources"):
            await ledger.owned_batches()


@pytest.mark.cluster
async def test_a_cluster_that_does_not_answer_is_waited_for(
    tmp_path: Path, plane: ControlPlane, cluster: Place
) -> None:
    meta = cluster.add("tickets")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(plane.kubeconfig.read_text().replace(str(plane.port), "1"))

    async with connected(str(kubeconfig)) as client:
        with pytest.raises(Waiting, match="the Kubernetes API server does not answer"):
            await KubeLedger(client).save(meta, Status())


# --- of files alone ------------------------------------------------------------------------------------------------

TICKETS = Resource.of(manifest())


async def test_another_run_goes_on_where_the_first_was(tmp_path: Path) -> None:
    with opened(tmp_path, [TICKETS]) as first:
        saved = await first.save(TICKETS.meta, full_status())

    with opened(tmp_path, [TICKETS]) as second:
        assert await second.load(TICKETS.meta) == replace(TICKETS, meta=saved, status=full_status())


def test_two_runs_at_the_same_time_are_refused(tmp_path: Path) -> None:
    with (
        opened(tmp_path, [TICKETS]),
        pytest.raises(Stalled, match=r"process \d+ \(nightsort local, since 20.*\) works with .*--state"),
        opened(tmp_path, [TICKETS]),
    ):
        pass


async def test_a_spec_that_changed_in_what_is_bought_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, [TICKETS]) as ledger:
        await ledger.save(TICKETS.meta, Status(batches=(record(),)))
    changed = Resource.of(manifest(model="claude-sonnet-4-5", credentials={"secretRef": {"name": "a", "key": "b"}}))

    told = r"default/tickets: spec\.credentials, spec\.model changed since the run began"
    with pytest.raises(Stalled, match=told), opened(tmp_path, [changed]):
        pass


async def test_a_run_that_has_bought_nothing_begins_anew_with_the_spec_as_it_is_now(tmp_path: Path) -> None:
    with opened(tmp_path, [TICKETS]) as ledger:
        await ledger.save(TICKETS.meta, Status(phase="Failed"))
    changed = Resource.of(manifest(model="claude-sonnet-4-5"))

    with opened(tmp_path, [changed]) as ledger:
        assert await ledger.load(changed.meta) == changed


async def test_a_run_can_be_begun_anew(tmp_path: Path) -> None:
    with opened(tmp_path, [TICKETS]) as ledger:
        await ledger.save(TICKETS.meta, full_status())

    with opened(tmp_path, [TICKETS], anew=True) as ledger:
        assert await ledger.load(TICKETS.meta) == TICKETS


async def test_a_limit_may_change_between_runs(tmp_path: Path) -> None:
    with opened(tmp_path, [TICKETS]) as ledger:
        await ledger.save(TICKETS.meta, Status(batches=(record(),)))

    with opened(tmp_path, [Resource.of(manifest(pollIntervalSeconds=5))]) as ledger:
        loaded = await ledger.load(TICKETS.meta)

    assert loaded is not None
    assert loaded.spec.poll_interval_seconds == 5


async def test_batches_of_resources_without_a_manifest_are_owned_still(tmp_path: Path) -> None:
    with opened(tmp_path, [TICKETS]) as ledger:
        await ledger.save(TICKETS.meta, Status(batches=(record("msgbatch_01"),)))

    with opened(tmp_path, []) as ledger:
        assert await ledger.owned_batches() == {"msgbatch_01"}


async def test_the_record_holds_no_text_of_a_ticket(tmp_path: Path) -> None:
    await FileLedger(tmp_path, [TICKETS]).save(TICKETS.meta, full_status())

    [path] = tmp_path.rglob("record.json")
    assert "refund" not in path.read_text()


async def test_a_damaged_record_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path, [TICKETS])
    await ledger.save(TICKETS.meta, full_status())
    [path] = tmp_path.rglob("record.json")
    path.write_text(path.read_text()[:100])

    with pytest.raises(Stalled, match="is not a record that this version can read"):
        await ledger.load(TICKETS.meta)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"status": 3, "anew": ""}', '{"status": {}}', "\xff"])
async def test_a_copy_that_cannot_be_read_stalls_and_is_not_written_over(tmp_path: Path, content: str) -> None:
    with opened(tmp_path, ()) as ledger:
        resource = Resource.of(stored("tickets", str(uuid4())))
        ledger.resources[resource.meta.key] = resource
        await ledger.keep_record(resource.meta, full_status())
        copy = next(tmp_path.rglob("copy.json"))
        copy.write_bytes(content.encode("latin-1"))

        for use in (ledger.kept_record(resource.meta), ledger.keep_record(resource.meta, Status())):
            with pytest.raises(Stalled) as caught:
                await use
            assert caught.value.reason == "RecordUnreadable"
        assert copy.read_bytes() == content.encode("latin-1")
