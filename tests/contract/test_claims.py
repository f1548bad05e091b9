"""The place of results has a name, and one resource alone gets it: a ConfigMap, or a folder of objects."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Protocol

import pytest

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.adapters.local.config_maps import FileConfigMaps
from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.owner import OWNER
from nightsort.adapters.object_store.sink import ObjectRows
from nightsort.adapters.object_store.store import Folder
from nightsort.api.object_store import ObjectStoreResults
from nightsort.api.resource import Meta
from nightsort.api.results import ConfigMapResults
from nightsort.domain.errors import Stalled
from nightsort.domain.stored import Rehearsal
from nightsort.ports import ClaimedSink, ConfigMaps
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.sink_contract import SUMMARY, THREE, chunks
from tests.contract.object_places import Directory, Place, file_place, s3_place
from tests.servers.s3 import KEYS


class Claims(Protocol):
    """A kind of place that several resources name."""

    def sink(self, owner: Meta) -> ClaimedSink: ...

    def owners(self, count: int) -> list[Meta]:
        """Resources of different names or namespaces, whose results are to go to one place."""
        ...

    def free(self) -> None:
        """What becomes of the name when its owner's results are gone."""
        ...


@dataclass
class ConfigMapClaims:
    store: ConfigMaps
    free_it: Callable[[], None]

    def sink(self, owner: Meta) -> ClaimedSink:
        return ConfigMapRows(self.store, owner, ConfigMapResults(name="labels"))

    def owners(self, count: int) -> list[Meta]:
        return [Meta("support", f"run-{number}", f"uid-{number}") for number in range(count)]

    def free(self) -> None:
        self.free_it()


@dataclass
class FolderClaims:
    place: Place

    def sink(self, owner: Meta) -> ClaimedSink:
        results = ObjectStoreResults(url=f"{self.place.url}results/")
        return ObjectRows(results, self.place.options, self.place.policy, owner)

    def owners(self, count: int) -> list[Meta]:
        return [Meta(f"team-{number}", "tonight", f"uid-{number}") for number in range(count)]

    def free(self) -> None:
        self.place.objects.delete(f"results/tonight/{OWNER}")


def memory(request: pytest.FixtureRequest) -> Claims:
    store = MemoryConfigMaps()
    return ConfigMapClaims(store, store.kept.clear)


def files(request: pytest.FixtureRequest) -> Claims:
    store = FileConfigMaps(request.getfixturevalue("tmp_path"))
    return ConfigMapClaims(store, store.clear)


def directory(request: pytest.FixtureRequest) -> Claims:
    return FolderClaims(file_place(request.getfixturevalue("tmp_path")))


def s3(request: pytest.FixtureRequest) -> Claims:
    return FolderClaims(s3_place(request.getfixturevalue("s3_bucket")))


@pytest.fixture(params=[memory, files, directory, s3], ids=lambda kind: kind.__name__)
def claims(request: pytest.FixtureRequest) -> Claims:
    made: Claims = request.param(request)
    return made


async def refusal(sink: ClaimedSink) -> Stalled:
    with pytest.raises(Stalled) as told:
        await sink.claim()
    assert told.value.reason == "ResultsNameTaken"
    return told.value


async def test_the_second_hears_who_has_the_name_and_gets_it_when_it_is_free(claims: Claims) -> None:
    first, second = claims.owners(2)
    await claims.sink(first).claim()

    told = await refusal(claims.sink(second))
    with pytest.raises(Stalled, match=told.message.split(":")[0]):
        await claims.sink(second).check(Rehearsal(3))
    claims.free()
    await claims.sink(second).claim()

    assert f"ClassificationBatch {first.name}" in told.message or first.key in told.message
    await refusal(claims.sink(first))


async def test_of_many_at_once_one_gets_the_name(claims: Claims) -> None:
    sinks = [claims.sink(owner) for owner in claims.owners(8)]

    told = await asyncio.gather(*(sink.claim() for sink in sinks), return_exceptions=True)

    assert [type(one) for one in told].count(type(None)) == 1
    assert all(isinstance(one, Stalled) for one in told if one is not None)
    [winner] = [sink for sink, one in zip(sinks, told, strict=True) if one is None]
    await winner.claim()


async def test_a_claim_never_holds_up_its_own_owner_and_leaves_its_rows(claims: Claims) -> None:
    [owner] = claims.owners(1)
    for _ in range(2):
        await claims.sink(owner).check(Rehearsal(3))
        await claims.sink(owner).claim()
    await claims.sink(owner).write(chunks(*THREE))
    await claims.sink(owner).claim()
    await claims.sink(owner).write(chunks(*THREE))
    await claims.sink(owner).finish(SUMMARY)
    await claims.sink(owner).claim()


@pytest.mark.parametrize("kind", [directory, s3], ids=lambda kind: kind.__name__)
async def test_a_resource_that_is_created_anew_goes_on_with_its_folder(
    request: pytest.FixtureRequest, kind: Callable[[pytest.FixtureRequest], FolderClaims]
) -> None:
    """The garbage collector takes its ConfigMaps, and nothing takes its objects."""
    claims = kind(request)
    [owner] = claims.owners(1)
    await claims.sink(owner).claim()
    await claims.sink(owner).write(chunks(*THREE))

    await claims.sink(replace(owner, uid="another")).claim()

    assert len([name for name in claims.place.objects.names() if "/rows-" in name]) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"{" * 10_000])
async def test_a_mark_that_names_nobody_is_somebodys(tmp_path: Path, content: bytes) -> None:
    claims = FolderClaims(file_place(tmp_path))
    claims.place.objects.put(f"results/tonight/{OWNER}", content)

    assert "it names no resource" in (await refusal(claims.sink(claims.owners(1)[0]))).message
    assert claims.place.objects.get(f"results/tonight/{OWNER}") == content


async def test_where_a_store_replaces_what_is_to_be_created_the_last_mark_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some that are like S3 do, which do not heed the condition: whoever reads another's mark buys nothing."""
    claims = FolderClaims(file_place(tmp_path))
    first, second = claims.owners(2)
    overtaken: list[str] = []

    def create(folder: Folder, name: str, content: bytes) -> bool:
        folder.put(name, content)
        if not overtaken:
            overtaken.append(name)
            folder.put(name, content.replace(first.namespace.encode(), second.namespace.encode()))
        return True

    monkeypatch.setattr(Folder, "create", create)

    assert second.key in (await refusal(claims.sink(first))).message
    await claims.sink(second).claim()


class OldStore(http.server.BaseHTTPRequestHandler):
    """A store like S3 that knows no condition on what is put, and says so."""

    objects: ClassVar[dict[str, bytes]] = {}

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if "If-None-Match" in self.headers:
            return self._answer(501)
        self.objects[self.path] = content
        return self._answer(200)

    def do_GET(self) -> None:
        content = self.objects.get(self.path)
        self._answer(404 if content is None else 200, content or b"")

    def _answer(self, status: int, content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"ETag": '"1"', "Last-Modified": "Sun, 22 Nov 2026 20:00:00 GMT"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def old_store() -> Iterator[FolderClaims]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OldStore) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        options = {**KEYS, "endpoint": f"http://127.0.0.1:{server.server_port}"}
        policy = StorePolicy(frozenset({"s3"}), endpoints=("127.0.0.1",))
        yield FolderClaims(Place("s3://bucket/", Directory(Path("/nowhere")), policy, options))
        server.shutdown()
        thread.join()
        OldStore.objects.clear()


async def test_a_store_that_knows_no_condition_is_claimed_by_a_look_before_and_after(old_store: FolderClaims) -> None:
    first, second = old_store.owners(2)

    await old_store.sink(first).claim()

    assert first.key in (await refusal(old_store.sink(second))).message
    await old_store.sink(first).claim()
