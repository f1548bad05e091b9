"""The real process under real faults. The judge is the simulated API's own bill: requests paid are tickets, no more."""

from __future__ import annotations

import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.cluster.bench import SimulatedApi, User
from tests.cluster.bench import reason as ready_reason
from tests.cluster.controlplane.plane import ControlPlane
from tests.cluster.proxy import KINDS, network
from tests.cluster.restarts import Pod, StatusReader, Table, quickly, settled
from tests.servers import postgres
from tests.support.processes import Server, free_ports

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

SEED = 20261122
ROUNDS = 36
LEAST_IN_THE_MIDDLE = 8
FURTHER_NIGHTS = 8
"""At the most, where chance has not brought each kind of fault in the first ones."""
DATABASE_AWAY = ("DatabaseUnreachable", "DatabaseInterrupted")
LONGEST_SECONDS = 100.0
"""A machine that is busy with something else gets through fewer rounds, and still through most."""


class Moments:
    """What grows while the operator works; when one of these has grown, something is halfway done."""

    def __init__(self, api: SimulatedApi, reader: StatusReader, table: Table, chance: random.Random) -> None:
        self._api, self._reader, self._table, self._chance = api, reader, table, chance

    def all(self) -> list[Callable[[], float]]:
        return [self.accepted, self.intended, self.confirmed, self.labelled, self.answered, self.random]

    def accepted(self) -> float:
        """Batches on the bill; the newest one's id may not be in any status yet."""
        return float(self._api.ask("bill")["created"])

    def intended(self) -> float:
        return len(self._reader.records())

    def confirmed(self) -> float:
        return len(self._reader.records() - self._reader.records("Intended"))

    def labelled(self) -> float:
        """Rows in the table; whether the status says so, is open."""
        return self._table.labelled()

    def answered(self) -> float:
        """Results that somebody has begun to read."""
        calls: dict[str, int] = self._api.ask("requests")["calls"]
        return calls.get("results", 0)

    def random(self) -> float:
        """Any moment, at first or within a second: nothing that grows, but chance."""
        return float(self._chance.random() ** 0.01)


def growth(moment: Callable[[], float]) -> Callable[[], bool]:
    """Whether it is more than now."""
    before = moment()
    return lambda: moment() > before


def test_killed_at_any_moment_no_ticket_is_paid_twice_and_none_is_lost(
    pod: Pod, quick_api: SimulatedApi, reader: StatusReader, table: Table
) -> None:
    chance, moments = random.Random(SEED), Moments(quick_api, reader, table, random.Random(SEED))
    kills, began = Counter[str](), time.monotonic()
    for number in range(ROUNDS):
        if time.monotonic() - began > LONGEST_SECONDS:
            break
        table.new_night(tickets=60, requests_per_shard=30)
        moment = moments.all()[number % len(moments.all())]
        has_grown = growth(moment)
        pod.start()
        kills[moment.__name__] += quickly(has_grown, seconds=20)
        time.sleep(chance.choice([0, 0, 0.002, 0.01, 0.05]))
        pod.kill()

    pod.until(reader.finished, seconds=60)

    assert sum(kills.values()) >= LEAST_IN_THE_MIDDLE, f"too few came in the middle of something: {kills}"
    settled(quick_api, table, reader)


def test_lost_requests_lost_answers_and_cut_answers_buy_nothing_twice(
    pod: Pod, quick_api: SimulatedApi, reader: StatusReader, table: Table
) -> None:
    with network(quick_api.url, SEED) as between:
        pod.api_url = between.url
        pod.start()
        between.share = 0.2
        for _ in range(8):
            table.new_night(tickets=60, requests_per_shard=20)
        quickly(reader.finished, 25)
        for _ in range(FURTHER_NIGHTS):
            if all(between.happened[kind] for kind in KINDS):
                break
            table.new_night(tickets=60, requests_per_shard=20)
            quickly(reader.finished, 8)
        between.share = 0.0
        pod.until(reader.finished, seconds=90)

    assert all(between.happened[kind] for kind in KINDS), between.happened
    settled(quick_api, table, reader)


def test_every_answer_to_a_create_is_lost_for_a_while(
    pod: Pod, quick_api: SimulatedApi, reader: StatusReader, table: Table
) -> None:
    """Three resources with equal counts, all answers lost: each must end up with its own batches."""
    quick_api.ask("faults", [{"kind": "create-response-lost", "times": 6}])
    pod.start()
    for _ in range(3):
        table.new_night(tickets=100)

    # The pauses after each lost answer double: 1 + 2 + 4 + 8 + 16 s, and half as much again by jitter.
    pod.until(reader.finished, seconds=120)

    assert quick_api.ask("bill")["created"] == 6
    settled(quick_api, table, reader)


@contextmanager
def away(plane: ControlPlane, what: str) -> Iterator[None]:
    """A server of the control plane is killed, and comes back at the end."""
    plane.running.pop(what).stop(signal.SIGKILL)
    yield
    {"etcd": plane.start_etcd, "kube-apiserver": plane.start_api_server}[what]()


@pytest.mark.parametrize("what", ["kube-apiserver", "etcd"])
def test_the_control_plane_goes_and_comes_back(
    what: str, pod: Pod, quick_api: SimulatedApi, reader: StatusReader, table: Table, breakable_plane: ControlPlane
) -> None:
    pod.start()
    table.new_night(tickets=200, requests_per_shard=20)
    assert quickly(lambda: reader.records("Submitted"), 20)

    with away(breakable_plane, what):
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            pod.start()
            time.sleep(0.5)

    pod.until(reader.finished, seconds=90)
    settled(quick_api, table, reader)


@contextmanager
def database_server(folder: Path) -> Iterator[tuple[str, Callable[[], Server]]]:
    """The URL of a PostgreSQL of the test's own, and how it is started."""
    programs, account = postgres.prepare(folder)
    postgres.initialise(programs, folder, "secret", account)
    (port,) = free_ports(1)
    url = f"postgresql://{postgres.USER}:secret@127.0.0.1:{port}/postgres"
    running: list[Server] = []

    def start() -> Server:
        running.append(postgres.start(programs, folder, port, account))
        running[-1].wait_until(lambda: postgres.connects(url))
        return running[-1]

    try:
        yield url, start
    finally:
        for server in running:
            server.stop(signal.SIGQUIT)


def test_the_database_goes_and_comes_back(
    pod: Pod, quick_api: SimulatedApi, reader: StatusReader, isolated_user: User
) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="nightsort-postgres-") as folder,
        database_server(Path(folder)) as (url, start),
    ):
        server = start()
        pod.start()
        with Table.opened(url, isolated_user) as table:
            table.new_night(tickets=200, requests_per_shard=20)
            assert quickly(lambda: table.labelled() or reader.records("Submitted"), 20)
        nights = table.nights
        server.stop(signal.SIGQUIT)  # at once, as a crash
        pod.until(lambda: [one for one in reader.statuses().values() if ready_reason(one) in DATABASE_AWAY], 30)
        start()

        pod.until(reader.finished, seconds=90)
        with psycopg.connect(url, autocommit=True) as connection:
            settled(quick_api, Table(url, isolated_user, connection, nights), reader)
