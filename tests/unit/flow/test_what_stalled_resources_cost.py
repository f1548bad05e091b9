"""Stalled resources look ever more seldom, and share what they read: 200 of them cost an API server little."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from kubernetes.aio.client import ApiException, V1ObjectMeta, V1Secret

from nightsort.adapters.kubernetes.ledger import KubeLedger
from nightsort.adapters.kubernetes.pruning import REFUSED_SECONDS, Pruning
from nightsort.adapters.kubernetes.secrets import ALLOW, SHARED_SECONDS, KubeSecrets
from nightsort.adapters.kubernetes.shared_read import SharedRead
from nightsort.api.credentials import SecretRef
from nightsort.api.resource import Meta
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.flow.run.accident import OF_SECRETS, pause
from tests.support.world import World

RESOURCES = 200
SECONDS = 150.0
REF = SecretRef(name="anthropic", key="api-key")
VALUE = base64.b64encode(b"k").decode()
KIND = V1Secret(metadata=V1ObjectMeta(labels={ALLOW: "true"}), data={"api-key": VALUE})


class Core:
    """The API server's Secrets, with a count of what is asked."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.secret: V1Secret | None = None

    async def read_namespaced_secret(self, name: str, namespace: str) -> V1Secret:
        self.calls["secret"] += 1
        if self.secret is None:
            raise ApiException(status=404)
        return self.secret


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of everything that shares reads."""
    time = [0.0]
    begin = SharedRead.__init__

    def begun(self: SharedRead[Any], read: Any, clock: Any = None) -> None:
        begin(self, read, lambda: time[0])

    monkeypatch.setattr(SharedRead, "__init__", begun)
    return time


def secrets_of(core: Core) -> KubeSecrets:
    secrets = KubeSecrets.__new__(KubeSecrets)
    secrets._core = core  # type: ignore[assignment]
    secrets._reads = {}
    return secrets


async def test_two_hundred_stalled_resources_make_few_reads_and_lists(core: Core, now: list[float]) -> None:
    """They made 1,000 reads of Secrets and 312 lists in 150 s."""
    secrets, ledger, looks, lists = secrets_of(core), KubeLedger.__new__(KubeLedger), 0, 0
    ledger._lists = {}

    async def listed(namespace: str) -> list[Any]:
        nonlocal lists
        lists += 1
        return []

    ledger._unfinished = listed  # type: ignore[method-assign]
    due = {number: (number / 100, 0) for number in range(RESOURCES)}
    while (number := min(due, key=lambda each: due[each][0])) is not None and due[number][0] < SECONDS:
        now[0], failures = due[number]
        looks += 1
        await ledger.others(Meta("support", f"run-{number}", str(number)), within=10.0)
        with pytest.raises(Stalled) as told:
            await secrets.read("support", REF)
        due[number] = (now[0] + pause(told.value, failures + 1, (number % 7) / 7), failures + 1)

    assert looks <= 3 * RESOURCES
    assert core.calls["secret"] <= SECONDS / SHARED_SECONDS + 1
    assert lists <= SECONDS / 10 + 1


async def test_a_secret_that_is_put_right_is_seen_within_seconds(core: Core, now: list[float]) -> None:
    secrets = secrets_of(core)
    with pytest.raises(Stalled, match="is not in namespace"):
        await secrets.read("support", REF)

    core.secret = KIND
    now[0] += SHARED_SECONDS

    assert await secrets.read("support", REF) == "k"


async def test_a_secret_that_nobody_reads_any_more_is_not_remembered(core: Core, now: list[float]) -> None:
    secrets, core.secret = secrets_of(core), KIND
    await secrets.read("support", REF)

    now[0] += SHARED_SECONDS
    await secrets.read("other", REF)

    assert list(secrets._reads) == [("other", "anthropic")]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_pauses_of_stalled_resources_grow_to_a_bound(jitter: float) -> None:
    of_tables = [pause(Stalled("no table", reason=Reason.TABLE_MISSING), tries, jitter) for tries in range(1, 2000)]
    assert of_tables == sorted(of_tables)
    assert 30 <= of_tables[0] <= 37.5
    assert 60 <= of_tables[1] <= 75
    assert 240 <= of_tables[-1] <= 300

    for reason in OF_SECRETS:
        assert 60 <= pause(Stalled("no Secret", reason=reason), 2000, jitter) <= 75


async def test_whoever_stalls_lists_the_others_once_and_again_before_it_begins(world: World) -> None:
    resource = world.apply("billing", overlapPolicy="Wait")
    world.connections.error = Stalled("the Secret is missing", reason=Reason.SECRET_MISSING)
    for _ in range(5):
        world.clock.advance(await world.look(resource) or 0)
    assert world.ledger.calls["others"] == 1

    world.connections.error = None
    await world.look(resource)

    assert world.ledger.calls["others"] == 2


async def test_whoever_stalls_for_its_key_asks_nobody_else(world: World) -> None:
    resource = world.apply("billing")
    world.connections.error = Stalled("the Secret is missing", reason=Reason.SECRET_MISSING)
    world.sink.error = world.source.error = Stalled("was asked", reason=Reason.PERMISSION_DENIED)

    await world.look(resource)

    assert world.ledger.current(resource.meta).status.conditions[0].reason == "SecretMissing"


async def test_under_an_older_crd_those_who_ask_share_a_try() -> None:
    time, tries = 0.0, 0

    async def rehearse(status: Mapping[str, Any]) -> Any:
        nonlocal tries
        tries += 1
        return {"status": status if time > 60 else {}}

    pruning = Pruning(lambda: time)
    for _ in range(200):
        with pytest.raises(Stalled, match="Apply the CRD"):
            await pruning.ensure_none(Meta("support", "run", "uid"), rehearse)
        time += 0.25

    assert tries <= 50 / REFUSED_SECONDS + 1
    time = 61.0
    await pruning.ensure_none(Meta("support", "run", "uid"), rehearse)


async def test_a_look_that_succeeds_begins_the_pauses_anew(world: World) -> None:
    resource = world.apply("billing")
    world.sink.error = Stalled("the table is missing", reason=Reason.TABLE_MISSING)
    assert [await world.look(resource) for _ in range(3)] == [30, 60, 120]
    world.sink.error = None
    await world.look(resource)
    world.clock.advance(60)
    world.sink.error = Stalled("the table is missing", reason=Reason.TABLE_MISSING)

    assert await world.look(resource) == 30
