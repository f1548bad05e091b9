"""ConfigMaps: memory, files and the cluster keep the same promises."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from nightsort.adapters.kubernetes.client import connected
from nightsort.adapters.kubernetes.config_maps import KubeConfigMaps
from nightsort.adapters.local.config_maps import FileConfigMaps
from nightsort.adapters.local.ledger import opened
from nightsort.adapters.local.state import opened as opened_state
from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Conflict, Stalled, Waiting
from nightsort.ports import ConfigMaps
from nightsort.testing.config_maps import MemoryConfigMaps
from tests.cluster.controlplane.plane import ControlPlane
from tests.support.manifests import manifest
from tests.support.waiting import eventually

ROWS = {"results.jsonl": '{"id": "1", "category": "Über ✓"}\n', "empty": "", "lines.csv": "a,b\r\n1,2\r\n\n"}


@dataclass
class Place:
    """A store, and resources that own what is written to it."""

    store: ConfigMaps
    owner: Meta
    other: Meta


def somebody(name: str) -> Meta:
    return Meta("support", name, str(uuid4()))


@asynccontextmanager
async def memory(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    yield Place(MemoryConfigMaps(), somebody("tickets"), somebody("other"))


@asynccontextmanager
async def file(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    yield Place(FileConfigMaps(request.getfixturevalue("tmp_path")), somebody("tickets"), somebody("other"))


@asynccontextmanager
async def kube(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    plane: ControlPlane = request.getfixturevalue("plane")
    namespace: str = request.getfixturevalue("namespace")

    async with connected(str(plane.kubeconfig)) as client:
        yield Place(KubeConfigMaps(client), created(plane, namespace, "tickets"), created(plane, namespace, "other"))


def created(plane: ControlPlane, namespace: str, name: str) -> Meta:
    given = manifest(name)
    given["metadata"]["labels"] = {"argocd.argoproj.io/instance": "support"}
    return Meta.of(
        json.loads(plane.kubectl("create", "-n", namespace, "-o", "json", "-f", "-", input=json.dumps(given)))
    )


Open = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Place]]


@pytest.fixture(params=[memory, file, pytest.param(kube, marks=pytest.mark.cluster)], ids=lambda kind: kind.__name__)
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    kind: Open = request.param
    async with kind(request) as place:
        yield place


async def test_what_is_not_there_is_none(place: Place) -> None:
    assert await place.store.read(place.owner.namespace, "results") is None


async def test_what_was_written_is_read_to_the_letter(place: Place) -> None:
    written = await place.store.write(place.owner, ConfigMap("results", ROWS))

    read = await place.store.read(place.owner.namespace, "results")

    assert read == written == ConfigMap("results", ROWS, written.version, place.owner.uid)
    assert "ClassificationBatch" in (read.holder or "")
    assert place.owner.name in (read.holder or "")
    assert written.version


async def test_a_replacement_leaves_nothing_of_what_was_there(place: Place) -> None:
    first = await place.store.write(place.owner, ConfigMap("results", ROWS))

    second = await place.store.write(place.owner, replace(first, data={"results.jsonl": "new"}))

    assert second.version != first.version
    assert await place.store.read(place.owner.namespace, "results") == second
    assert second.data == {"results.jsonl": "new"}


async def test_what_exists_is_not_created_again(place: Place) -> None:
    written = await place.store.write(place.owner, ConfigMap("results", ROWS))

    with pytest.raises(Conflict):
        await place.store.write(place.owner, ConfigMap("results", {"results.jsonl": "other"}))

    assert await place.store.read(place.owner.namespace, "results") == written


async def test_of_two_writes_of_the_same_new_config_map_one_is_refused(place: Place) -> None:
    owners = [place.owner, place.other] * 4

    told = await asyncio.gather(
        *(place.store.write(one, ConfigMap("results", ROWS)) for one in owners), return_exceptions=True
    )

    [written] = [one for one in told if isinstance(one, ConfigMap)]
    assert sum(isinstance(one, Conflict) for one in told) == len(owners) - 1
    assert await place.store.read(place.owner.namespace, "results") == written


async def test_another_version_than_the_one_read_is_not_replaced(place: Place) -> None:
    first = await place.store.write(place.owner, ConfigMap("results", ROWS))
    second = await place.store.write(place.owner, replace(first, data={"a": "1"}))

    with pytest.raises(Conflict):
        await place.store.write(place.owner, replace(first, data={"a": "2"}))

    assert await place.store.read(place.owner.namespace, "results") == second


async def test_what_was_deleted_since_it_was_read_is_not_replaced(place: Place) -> None:
    with pytest.raises(Conflict):
        await place.store.write(place.owner, ConfigMap("results", ROWS, version="7"))


async def test_it_shows_whose_it_is(place: Place) -> None:
    await place.store.write(place.owner, ConfigMap("mine", ROWS))
    await place.store.write(place.other, ConfigMap("theirs", ROWS))

    mine = await place.store.read(place.owner.namespace, "mine")
    theirs = await place.store.read(place.owner.namespace, "theirs")

    assert mine is not None
    assert theirs is not None
    assert (mine.owner_uid, theirs.owner_uid) == (place.owner.uid, place.other.uid)


# --- of the cluster alone ------------------------------------------------------------------------------------------


@pytest.fixture
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with kube(request) as place:
        yield place


def shown(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plane.kubectl("get", "configmap", name, "-n", namespace, "-o", "json"))
    return found


@pytest.mark.cluster
async def test_it_goes_with_its_resource_and_does_not_hold_it_up(
    plane: ControlPlane, namespace: str, cluster: Place
) -> None:
    await cluster.store.write(cluster.owner, ConfigMap("results", ROWS))

    metadata = shown(plane, namespace, "results")["metadata"]
    [reference] = metadata["ownerReferences"]
    assert reference["uid"] == cluster.owner.uid
    assert not reference.get("controller")
    assert not reference.get("blockOwnerDeletion")
    plane.kubectl("delete", "cb", "tickets", "-n", namespace)
    eventually(lambda: not plane.kubectl("get", "configmap", "results", "-n", namespace, "--ignore-not-found"))


@pytest.mark.cluster
async def test_labels_say_who_made_it_and_the_owners_are_not_copied(
    plane: ControlPlane, namespace: str, cluster: Place
) -> None:
    await cluster.store.write(cluster.owner, ConfigMap("results", ROWS))

    assert shown(plane, namespace, "results")["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "nightsort",
        "nightsort.dev/resource": "tickets",
    }


@pytest.mark.cluster
async def test_a_long_name_becomes_a_label_that_the_api_server_takes(
    plane: ControlPlane, namespace: str, cluster: Place
) -> None:
    owner = created(plane, namespace, "a" * 62 + "-" + "b" * 100)

    await cluster.store.write(owner, ConfigMap("results", ROWS))

    assert shown(plane, namespace, "results")["metadata"]["labels"]["nightsort.dev/resource"] == "a" * 62


@pytest.mark.cluster
async def test_a_config_map_of_somebody_else_belongs_to_nobody_of_ours(
    plane: ControlPlane, namespace: str, cluster: Place
) -> None:
    plane.kubectl("create", "configmap", "tickets", "-n", namespace, "--from-literal=tickets.csv=id,body")

    found = await cluster.store.read(namespace, "tickets")

    assert found is not None
    assert (found.data, found.owner_uid) == ({"tickets.csv": "id,body"}, None)


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
@pytest.mark.parametrize("size", [1_100_000, 4_000_000])
async def test_what_does_not_fit_is_told(cluster: Place, size: int) -> None:
    with pytest.raises(Stalled, match=r"cannot write ConfigMap .*/results: it is larger than Kubernetes stores"):
        await cluster.store.write(cluster.owner, ConfigMap("results", {"results.jsonl": "x" * size}))


@pytest.mark.cluster
async def test_a_quota_that_is_used_up_is_told(plane: ControlPlane, namespace: str, cluster: Place) -> None:
    plane.kubectl("create", "quota", "tight", "-n", namespace, "--hard=count/configmaps=0")
    eventually(lambda: plane.kubectl("get", "quota", "tight", "-n", namespace, "-o", "jsonpath={.status.hard}"))

    with pytest.raises(Stalled, match="a ResourceQuota of the namespace is used up"):
        await cluster.store.write(cluster.owner, ConfigMap("results", ROWS))


@pytest.mark.cluster
async def test_a_shared_config_map_keeps_its_labels_and_other_keys_and_is_guarded_by_its_version(
    plane: ControlPlane, namespace: str
) -> None:
    async with connected(str(plane.kubeconfig)) as client:
        store = KubeConfigMaps(client)
        made = await store.keep(namespace, ConfigMap("known", {"corrections.jsonl": "one\n"}))
        with pytest.raises(Conflict):
            await store.keep(namespace, ConfigMap("known", {"corrections.jsonl": "made anew\n"}))
        plane.kubectl("label", "configmap", "known", "-n", namespace, "team=support")
        plane.kubectl("patch", "configmap", "known", "-n", namespace, "--type=merge", '-p={"data":{"notes":"ours"}}')
        with pytest.raises(Conflict):
            await store.keep(namespace, replace(made, data={"corrections.jsonl": "of an old version\n"}))

        found = await store.read(namespace, "known")
        assert found is not None
        await store.keep(namespace, replace(found, data={"corrections.jsonl": "two\n"}))

    kept = json.loads(plane.kubectl("get", "configmap", "known", "-n", namespace, "-o", "json"))
    assert kept["data"] == {"corrections.jsonl": "two\n", "notes": "ours"}
    assert kept["metadata"]["labels"] == {"team": "support"}
    assert "ownerReferences" not in kept["metadata"]


@pytest.mark.cluster
async def test_a_missing_permission_is_told(plane: ControlPlane, namespace: str, cluster: Place) -> None:
    plane.kubectl("create", "serviceaccount", "nobody", "-n", namespace)

    async with connected(str(plane.kubeconfig_of(namespace, "nobody"))) as client:
        with pytest.raises(Stalled, match="is not allowed to; a Role must allow it"):
            await KubeConfigMaps(client).write(cluster.owner, ConfigMap("results", ROWS))


@pytest.mark.cluster
async def test_a_namespace_that_is_being_deleted_is_no_fault_of_anybody(plane: ControlPlane, cluster: Place) -> None:
    plane.kubectl("create", "namespace", "ending")
    held = {"metadata": {"name": "held", "namespace": "ending", "finalizers": ["nightsort.dev/test"]}}
    plane.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "ConfigMap", **held}))
    plane.kubectl("delete", "namespace", "ending", "--wait=false")

    with pytest.raises(Waiting, match="the namespace is being deleted"):
        await cluster.store.write(replace(cluster.owner, namespace="ending"), ConfigMap("results", ROWS))

    plane.kubectl("patch", "configmap", "held", "-n", "ending", "--type=merge", '-p={"metadata":{"finalizers":null}}')


# --- of files alone ------------------------------------------------------------------------------------------------

DOCUMENT = {"kind": "ConfigMap", "metadata": {"name": "tickets"}, "data": {"tickets.csv": "id,body\n1,Hello\n"}}
OWNER = Meta("default", "tickets", "default/tickets")


async def test_config_maps_of_the_manifest_file_can_be_read(tmp_path: Path) -> None:
    found = await FileConfigMaps(tmp_path, [DOCUMENT]).read("default", "tickets")

    assert found is not None
    assert (found.data, found.owner_uid) == ({"tickets.csv": "id,body\n1,Hello\n"}, None)


async def test_a_config_map_of_another_namespace_is_not_there(tmp_path: Path) -> None:
    assert await FileConfigMaps(tmp_path, [DOCUMENT]).read("support", "tickets") is None


async def test_config_maps_of_the_manifest_file_are_not_written_over(tmp_path: Path) -> None:
    store = FileConfigMaps(tmp_path, [DOCUMENT])
    found = await store.read("default", "tickets")
    assert found is not None

    with pytest.raises(Conflict):
        await store.write(OWNER, found)


LATIN = base64.b64encode("id,body\n1,x\n2,Grüße\n".encode("latin-1")).decode()
UTF8 = base64.b64encode("id,body\n1,Grüße\n".encode()).decode()


async def test_binary_content_of_the_manifest_file_is_known_as_such(tmp_path: Path) -> None:
    document = DOCUMENT | {"binaryData": {"latin.csv": LATIN[:9] + "\n" + LATIN[9:], "text.csv": UTF8}}

    found = await FileConfigMaps(tmp_path, [document]).read("default", "tickets")

    assert found is not None
    assert found.binary == {"latin.csv": 3}
    assert found.data == {"tickets.csv": "id,body\n1,Hello\n", "text.csv": "id,body\n1,Grüße\n"}


@pytest.mark.parametrize("value", ["aWQ", "é", 5, b"id"], ids=repr)
async def test_binary_content_that_is_no_base64_is_told(tmp_path: Path, value: object) -> None:
    with pytest.raises(Stalled, match=r"ConfigMap tickets: binaryData\.a\.csv must be base64"):
        await FileConfigMaps(tmp_path, [DOCUMENT | {"binaryData": {"a.csv": value}}]).read("default", "tickets")


@pytest.mark.cluster
async def test_a_file_that_is_not_utf_8_is_known_by_its_line_in_the_cluster_too(
    plane: ControlPlane, cluster: Place, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "latin.csv").write_bytes(base64.b64decode(LATIN))
    (tmp_path / "fine.csv").write_text("id\n1\n")
    plane.kubectl("create", "configmap", "given", f"--from-file={tmp_path}", "-n", namespace)
    patch = json.dumps({"binaryData": {"text.csv": UTF8}})
    plane.kubectl("patch", "configmap", "given", "-n", namespace, "--type=merge", "-p", patch)

    found = await cluster.store.read(namespace, "given")

    assert found is not None
    assert found.binary == {"latin.csv": 3}
    assert found.data == {"fine.csv": "id\n1\n", "text.csv": "id,body\n1,Grüße\n"}


async def test_what_was_written_is_forgotten_when_asked_and_nothing_else(tmp_path: Path) -> None:
    store = FileConfigMaps(tmp_path, [DOCUMENT])
    await store.write(OWNER, ConfigMap("results", ROWS))
    (tmp_path / "mine").mkdir()

    store.clear()

    assert await store.read("default", "results") is None
    assert await store.read("default", "tickets")
    assert (tmp_path / "mine").exists()


async def test_a_value_that_is_no_text_is_told(tmp_path: Path) -> None:
    document = DOCUMENT | {"data": {"count": 5}}

    with pytest.raises(Stalled, match=r"ConfigMap tickets: data\.count must be text"):
        await FileConfigMaps(tmp_path, [document]).read("default", "tickets")


async def test_each_key_is_a_file_that_people_can_open(tmp_path: Path) -> None:
    await FileConfigMaps(tmp_path).write(OWNER, ConfigMap("results", ROWS))

    assert (tmp_path / "default" / "results" / "results.jsonl").read_text() == ROWS["results.jsonl"]


async def test_another_run_reads_what_the_first_has_written(tmp_path: Path) -> None:
    written = await FileConfigMaps(tmp_path).write(OWNER, ConfigMap("results", ROWS))

    assert await FileConfigMaps(tmp_path).read("default", "results") == written


async def test_two_namespaces_do_not_mix_their_results(tmp_path: Path) -> None:
    store = FileConfigMaps(tmp_path)
    first = await store.write(OWNER, ConfigMap("results", ROWS))

    second = await store.write(somebody("tickets"), ConfigMap("results", {"results.jsonl": "other"}))

    assert await store.read("default", "results") == first
    assert await store.read("support", "results") == second


@pytest.mark.parametrize("namespace", ["lock", "classify.sqlite", "simulated", "results", "default"])
@pytest.mark.parametrize("name", ["lock", "results", "tickets", "record.json", "copy.json"])
async def test_no_name_meets_a_file_of_our_own(tmp_path: Path, namespace: str, name: str) -> None:
    resource = Resource.of({**manifest(name), "metadata": {"name": name, "namespace": namespace, "uid": "it"}})
    meta = resource.meta
    with opened(tmp_path, [resource]) as ledger, opened_state(tmp_path / "classify.sqlite", "a test"):
        store = FileConfigMaps(tmp_path)
        await ledger.keep_record(meta, Status())
        saved = await ledger.save(meta, Status(phase="Processing"))
        written = await store.write(meta, ConfigMap(name, ROWS))
        await ledger.keep_long_ids(meta, "abcdef", {"digest": "id"})

        with pytest.raises(Stalled, match=r"process \d+ .* works with"), opened(tmp_path, []):
            pass
        assert await store.read(namespace, name) == written
        loaded = await ledger.load(meta)
        assert loaded is not None
        assert loaded.status.phase == "Processing"

        await ledger.remove(saved)
        assert await store.read(namespace, name) == written, "rows outlive the record"
    store.clear()
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"lock", "classify.lock", "classify.sqlite", ".gitignore"}


def in_the_former_layout(state: Path, namespace: str, name: str) -> Path:
    """As version 0.1 has written it: without the namespace."""
    folder = state / name
    (state / namespace / name).rename(folder)
    return folder


async def test_results_that_an_earlier_version_has_begun_go_on_where_they_are(tmp_path: Path) -> None:
    first = await FileConfigMaps(tmp_path).write(OWNER, ConfigMap("results", ROWS))
    folder = in_the_former_layout(tmp_path, "default", "results")
    store = FileConfigMaps(tmp_path)

    assert await store.read("default", "results") == first
    after = await store.write(OWNER, replace(first, data={"results.jsonl": "new"}))

    assert await FileConfigMaps(tmp_path).read("default", "results") == after
    assert (folder / "results.jsonl").read_text() == "new"
    assert store.folder_of("default", "results") == folder
    with pytest.raises(Conflict):
        await store.write(replace(OWNER, uid="default/other"), ConfigMap("results", {}))


async def test_another_namespace_leaves_alone_what_an_earlier_version_has_written(tmp_path: Path) -> None:
    first = await FileConfigMaps(tmp_path).write(OWNER, ConfigMap("results", ROWS))
    in_the_former_layout(tmp_path, "default", "results")
    store = FileConfigMaps(tmp_path)

    other = await store.write(somebody("tickets"), ConfigMap("results", {"results.jsonl": "other"}))

    assert await store.read("default", "results") == first
    assert await store.read("support", "results") == other


async def test_a_file_of_the_users_own_beside_the_results_stays(tmp_path: Path) -> None:
    store = FileConfigMaps(tmp_path)
    first = await store.write(OWNER, ConfigMap("results", ROWS))
    folder = tmp_path / "default" / "results"
    (folder / "notes.txt").write_text("mine")

    await store.write(OWNER, replace(first, data={"results.jsonl": "new"}))

    assert sorted(path.name for path in folder.glob("[!.]*")) == ["notes.txt", "results.jsonl"]


async def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "default").write_text("a file where a directory is wanted")

    with pytest.raises(Stalled, match=r"cannot write .*results"):
        await FileConfigMaps(tmp_path).write(OWNER, ConfigMap("results", ROWS))
