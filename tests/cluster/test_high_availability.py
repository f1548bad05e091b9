"""Two replicas, one active by its Lease: whatever happens to the leader, the other goes on, and the bill stays."""

from __future__ import annotations

import os
import random
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.bench import SimulatedApi, User, batch, condition, inline, start_operator
from tests.cluster.controlplane.plane import ControlPlane
from tests.cluster.restarts import StatusReader, Table, quickly, settled
from tests.cluster.two_operators import FAULTS, Fault, pair
from tests.support.processes import Server, free_ports
from tests.support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

SEED = int(os.environ.get("NIGHTSORT_HA_SEED", "20261122"))
ROUNDS = int(os.environ.get("NIGHTSORT_HA_ROUNDS", "6"))
"""More than that is for a night: a round takes up to 20 seconds, most of which the Lease runs out."""


class Replicas:
    """Operators that share a Lease in the namespace that they watch."""

    def __init__(self, plane: ControlPlane, api: SimulatedApi, namespace: str, folder: Path) -> None:
        self._plane, self._api, self._namespace, self._folder = plane, api, namespace, folder
        self.running: list[Server] = []
        self.ports: list[int] = []

    def add(self) -> Server:
        number = len(self.running)
        (port,) = free_ports(1)
        flags = (
            "--namespace",
            self._namespace,
            "--lease",
            f"{self._namespace}/nightsort",
            "--liveness-port",
            str(port),
        )
        environment = {"NIGHTSORT_ANTHROPIC_API_KEY": self._namespace, "NIGHTSORT_ADOPTION_GRACE_SECONDS": "5"}
        log = self._folder / f"replica-{number}.log"
        server = start_operator(self._plane, self._api.url, log, *flags, ready=lambda: self.alive(port), **environment)
        self.running.append(server)
        self.ports.append(port)
        return server

    def alive(self, port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def leads(self, server: Server) -> bool:
        return " leads" in server.log.read_text()

    def stop(self) -> None:
        for server in self.running:
            server.stop(signal.SIGKILL if server.process.poll() is None else signal.SIGTERM)


@pytest.fixture
def replicas(isolated_user: User, api: SimulatedApi, tmp_path: Path) -> Iterator[Replicas]:
    """On the control plane that no other operator watches."""
    replicas = Replicas(isolated_user.plane, api, isolated_user.namespace, tmp_path)
    yield replicas
    replicas.stop()


def paid(api: SimulatedApi, batch_id: str) -> int:
    """Requests paid in the whole workspace of a batch, whoever remembers the others."""
    batches = api.ask("bill")["batches"]
    (workspace,) = (batch["workspace"] for batch in batches if batch["id"] == batch_id)
    return sum(batch["paid"] for batch in batches if batch["workspace"] == workspace)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_the_other_replica_goes_on_and_nothing_is_paid_twice(
    isolated_user: User, api: SimulatedApi, replicas: Replicas, how: signal.Signals
) -> None:
    user = isolated_user
    leader = replicas.add()
    eventually(lambda: replicas.leads(leader))
    follower = replicas.add()
    user.apply(*(batch(f"run-{number}", inline("Refund my invoice", "The app crashes")) for number in range(4)))
    user.told("run-0", lambda status: bool(status.get("batches")))

    os.kill(leader.pid, how)

    for number in range(4):
        status = user.finished(f"run-{number}", seconds=90)["status"]
        assert condition(status, "Complete") == "True"
    assert replicas.leads(follower)
    if how is signal.SIGSTOP:
        os.kill(leader.pid, signal.SIGCONT)
        assert eventually(lambda: leader.process.poll() is not None)
    assert paid(api, user.get("run-0")["status"]["batches"][0]["id"]) == 8


def test_a_follower_is_alive_and_does_nothing(isolated_user: User, replicas: Replicas) -> None:
    leader = replicas.add()
    eventually(lambda: replicas.leads(leader))
    follower = replicas.add()
    assert all(replicas.alive(port) for port in replicas.ports)
    isolated_user.apply(batch("one", inline("Refund my invoice")))
    isolated_user.finished("one")
    assert not replicas.leads(follower)
    assert "watching" not in follower.log.read_text()
    os.kill(follower.pid, signal.SIGTERM)
    assert follower.process.wait(10) == 0


def drawn_faults(chance: random.Random) -> list[Fault]:
    """One for each round: each kind in turn, in an order of its own each time."""
    drawn = [fault for _ in range(0, ROUNDS, len(FAULTS)) for fault in chance.sample(FAULTS, len(FAULTS))]
    return drawn[:ROUNDS]


def change_of(moment: Callable[[], object]) -> Callable[[], bool]:
    """Whether it is another one than now."""
    before = moment()
    return lambda: moment() != before


@pytest.mark.timeout(180 + 60 * ROUNDS)
def test_over_many_rounds_of_faults_the_other_replica_goes_on_and_every_ticket_is_paid_once(
    isolated_user: User, quick_api: SimulatedApi, reader: StatusReader, table: Table, tmp_path: Path
) -> None:
    """Seen with `pytest -s`: what happened in which round, and how long nobody led."""
    chance = random.Random(SEED)
    moments: list[tuple[str, Callable[[], object]]] = [("an intent", reader.records), ("a row", table.labelled)]
    print(f"\nNIGHTSORT_HA_SEED={SEED}")  # noqa: T201
    with pair(isolated_user.plane, isolated_user.namespace, quick_api.url, tmp_path) as replicas:
        leader = replicas.leader()
        for number, fault in enumerate(drawn_faults(chance)):
            follower = replicas.other(leader)
            for _ in range(2):
                table.new_night(tickets=60, requests_per_shard=20)
            wanted, moment = chance.choice(moments)
            quickly(change_of(moment), seconds=10)
            leader.suffer(fault)
            began = time.monotonic()
            eventually(follower.has_led, seconds=60)
            seconds = time.monotonic() - began
            print(f"round {number}: {leader.name} was {fault} after {wanted}; {seconds:.1f} s")  # noqa: T201
            leader.recover()
            leader = follower
        eventually(reader.finished, seconds=60)
        assert replicas.leaders() == ROUNDS + 1, "one new leader for each fault, and no other change"

    settled(quick_api, table, reader)
