"""What there is to watch, as an API server tells it: the kind comes and goes, and so do namespaces and their Roles."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import ApiClient, Configuration

from nightsort.api.model import GROUP, PLURAL, VERSION
from nightsort.domain.errors import Stalled
from nightsort.kube import scopes as module
from nightsort.kube.scopes import REFUSALS, Scopes
from nightsort.testing.metrics import MemoryMetrics

FOUND = "what kopf has found"
ALL = ""
T = TypeVar("T")


class Cluster:
    """An API server: which kinds it tells of, how it answers lists by namespace, and how often it was asked."""

    def __init__(self) -> None:
        self.groups = [{"name": "apps"}, {"name": GROUP}]
        self.kinds = [{"name": PLURAL}, {"name": f"{PLURAL}/status"}]
        self.lists: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.discovery = 200

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/apis", self._tell)
        app.router.add_get(f"/apis/{GROUP}/{VERSION}", self._tell)
        app.router.add_get(f"/apis/{GROUP}/{VERSION}/{PLURAL}", self._list)
        app.router.add_get(f"/apis/{GROUP}/{VERSION}/namespaces/{{namespace}}/{PLURAL}", self._list)
        return app

    async def _tell(self, request: web.Request) -> web.Response:
        self.asked["kinds"] += 1
        return web.json_response({"groups": self.groups, "resources": self.kinds}, status=self.discovery)

    async def _list(self, request: web.Request) -> web.Response:
        assert request.query["fieldSelector"] == "metadata.name=-", "nothing is to be sent"
        namespace = request.match_info.get("namespace", ALL)
        self.asked[namespace] += 1
        return web.json_response({"items": []}, status=self.lists.get(namespace, 200))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def metrics() -> MemoryMetrics:
    return MemoryMetrics()


@pytest.fixture
async def watching(
    cluster: Cluster, metrics: MemoryMetrics, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Scopes]]:
    """Makes the scopes of these namespaces, which ask without a pause."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.001)
    server = TestServer(cluster.app())
    await server.start_server()
    async with server, ApiClient(Configuration(host=str(server.make_url("")).rstrip("/"))) as client:
        yield lambda *namespaces: Scopes(client, namespaces, metrics)


@asynccontextmanager
async def under_way(work: Coroutine[None, None, T]) -> AsyncIterator[asyncio.Task[T]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def kept(scopes: Scopes) -> AsyncIterator[asyncio.Task[None]]:
    """As in the operator, with kopf ready beside it."""
    await scopes.opened()
    scopes.insights.watched_resources.add(FOUND)  # type: ignore[arg-type]
    scopes.insights.namespaces.update(scopes.namespaces or [None])  # type: ignore[arg-type]
    scopes.insights.ready_resources.set()
    scopes.insights.ready_namespaces.set()
    async with under_way(scopes.keep()) as task:
        yield task


async def comes(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.001)


async def asked_again(cluster: Cluster, what: str, times: int) -> None:
    wanted = cluster.asked[what] + times
    await comes(lambda: cluster.asked[what] >= wanted)


async def test_a_kind_that_is_missing_is_waited_for_and_that_is_said_once(
    cluster: Cluster, watching: Callable[..., Scopes], caplog: pytest.LogCaptureFixture
) -> None:
    cluster.groups.pop()
    async with under_way(watching().opened()) as task:
        await asked_again(cluster, "kinds", 5)
        assert not task.done()
        cluster.groups.append({"name": GROUP})
        await asyncio.wait_for(task, 30)

    [told] = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
    assert "does not serve classificationbatches.v1alpha1.nightsort.dev" in told
    assert "kubectl apply" in told
    assert "crds.install" in told


async def test_a_group_without_the_kind_is_not_enough(cluster: Cluster, watching: Callable[..., Scopes]) -> None:
    cluster.kinds = [{"name": "others"}]

    assert "does not serve" in await watching().closed()


async def test_an_api_server_that_does_not_answer_yet_is_no_missing_kind(
    cluster: Cluster, watching: Callable[..., Scopes]
) -> None:
    cluster.discovery = 503

    assert "does not say which kinds it serves (503)" in await watching().closed()


@pytest.mark.parametrize("status", [429, 500])
async def test_a_kind_that_has_just_come_is_watched_in_all_namespaces_though_its_lists_are_not_ready(
    status: int, cluster: Cluster, watching: Callable[..., Scopes]
) -> None:
    cluster.lists = {"a": status, "b": 403}
    scopes = watching("a", "b")

    await asyncio.wait_for(scopes.opened(), 30)

    assert scopes.namespaces == ["a"]


async def test_an_account_that_may_list_nowhere_is_told_which_right_it_lacks(
    cluster: Cluster, watching: Callable[..., Scopes], metrics: MemoryMetrics
) -> None:
    cluster.lists = {ALL: 403, "a": 403, "b": 403}

    assert "in all namespaces: the operator's account may not list" in await watching().closed()
    assert "none of the watched namespaces" in await watching("a", "b").closed()
    assert metrics.namespaces_unreachable == 2


async def test_a_namespace_that_refuses_in_a_row_is_left_out_and_taken_back_when_it_no_longer_does(
    cluster: Cluster, watching: Callable[..., Scopes], metrics: MemoryMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    scopes = watching("a", "b")
    async with kept(scopes) as task:
        cluster.lists["b"] = 403
        await comes(lambda: scopes.insights.namespaces == {"a"})
        assert metrics.namespaces_unreachable == 1
        cluster.lists["b"] = 200
        await comes(lambda: scopes.insights.namespaces == {"a", "b"})
        assert metrics.namespaces_unreachable == 0
        assert not task.done()

    told = [entry.getMessage() for entry in caplog.records if entry.name == module.__name__]
    assert [line.split(":")[0] for line in told] == ["namespace b is not worked on", "namespace b is worked on again"]


async def test_kopf_is_woken_when_its_namespaces_change(cluster: Cluster, watching: Callable[..., Scopes]) -> None:
    scopes = watching("a", "b")
    async with kept(scopes), scopes.insights.revised:
        cluster.lists["b"] = 403
        await asyncio.wait_for(scopes.insights.revised.wait(), 30)

        assert scopes.insights.namespaces == {"a"}


async def test_a_refusal_that_passes_closes_nothing(cluster: Cluster, watching: Callable[..., Scopes]) -> None:
    scopes = watching("a", "b")
    await scopes.opened()
    for _ in range(3):
        cluster.lists["b"] = 403
        for _ in range(max(REFUSALS - 1, 1)):
            assert await scopes.closed() == ""
        cluster.lists["b"] = 200
        assert await scopes.closed() == ""

    assert scopes.namespaces == ["a", "b"]


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_an_api_server_in_trouble_closes_nothing(
    status: int, cluster: Cluster, watching: Callable[..., Scopes]
) -> None:
    scopes = watching("a", "b")
    async with kept(scopes) as task:
        cluster.lists = {"a": status, "b": status}
        await asked_again(cluster, "b", 2 * REFUSALS)

        assert scopes.namespaces == ["a", "b"]
        assert not task.done()


@pytest.mark.parametrize("namespaces", [("a", "b"), ()])
async def test_where_nothing_is_left_the_keeping_ends_with_the_reason(
    namespaces: tuple[str, ...], cluster: Cluster, watching: Callable[..., Scopes]
) -> None:
    async with kept(watching(*namespaces)) as task:
        cluster.lists = {"a": 403, "b": 403, ALL: 403}

        why = "none of the watched namespaces" if namespaces else "classificationbatches cannot be listed in"
        with pytest.raises(Stalled, match=why):
            await asyncio.wait_for(task, 30)


async def test_a_kind_that_kopf_has_not_found_ends_the_keeping_instead_of_leaving_it_blind(
    watching: Callable[..., Scopes],
) -> None:
    scopes = watching()
    scopes.insights.ready_resources.set()

    with pytest.raises(Stalled, match="does not serve"):
        await asyncio.wait_for(scopes.keep(), 30)


async def test_the_line_of_a_kind_that_went_away_counts_though_it_is_still_told(
    cluster: Cluster, watching: Callable[..., Scopes]
) -> None:
    """The API server takes a kind off its list a moment after it answers 404 for it."""
    scopes = watching()
    await scopes.opened()
    cluster.lists[ALL] = 404

    assert "does not serve" in await scopes.closed()
