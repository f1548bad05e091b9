"""The real process under real faults. The judge is the simulated API's own bill: requests paid are tickets, no more."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.bench import SimulatedApi
from tests.cluster.controlplane.plane import ControlPlane
from tests.cluster.proxy import KINDS, network
from tests.cluster.trouble import Eyes, Pod, Table, quickly, settled

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

SEED = 20261122
ROUNDS = 36


class Moments:
    """When to kill: at once after something was seen that is halfway done."""

    def __init__(self, api: SimulatedApi, eyes: Eyes, table: Table) -> None:
        self.api, self.eyes, self.table = api, eyes, table

    def all(self) -> list[Callable[[], bool]]:
        return [self.accepted, self.intended, self.confirmed, self.labelled, self.answered, self.random]

    def accepted(self) -> bool:
        """A batch is on the bill; its id may not be in any status yet."""
        before = self.bought()
        return quickly(lambda: self.bought() > before, 3)

    def intended(self) -> bool:
        before = self.eyes.records("Intended")
        return quickly(lambda: self.eyes.records("Intended") - before, 3)

    def confirmed(self) -> bool:
        before = self.eyes.records("Submitted")
        return quickly(lambda: self.eyes.records("Submitted") - before, 3)

    def labelled(self) -> bool:
        """Rows have been written; whether the status says so, is open."""
        before = self.table.labelled()
        return quickly(lambda: self.table.labelled() > before, 3)

    def answered(self) -> bool:
        """Somebody has begun to read results."""
        before = self.calls("results")
        return quickly(lambda: self.calls("results") > before, 3)

    def random(self) -> bool:
        return True

    def bought(self) -> int:
        return int(self.api.ask("bill")["created"])

    def calls(self, operation: str) -> int:
        return int(self.api.ask("requests")["calls"].get(operation, 0))


def test_killed_at_any_moment_no_ticket_is_paid_twice_and_none_is_lost(
    pod: Pod, quick_api: SimulatedApi, eyes: Eyes, table: Table
) -> None:
    chance, moments = random.Random(SEED), Moments(quick_api, eyes, table)
    seen = 0
    for number in range(ROUNDS):
        if number % 2 == 0:
            table.new_night(tickets=100)
        pod.start()
        moment = moments.all()[number % len(moments.all())]
        seen += moment()
        time.sleep(chance.choice([0, 0, 0.002, 0.01, 0.05]) if moment != moments.random else chance.uniform(0, 2))
        pod.kill()

    pod.until(eyes.finished, seconds=60)

    assert seen > ROUNDS / 2, "most kills came in the middle of something"
    settled(quick_api, table, eyes)


def test_lost_requests_lost_answers_and_cut_answers_buy_nothing_twice(
    pod: Pod, quick_api: SimulatedApi, eyes: Eyes, table: Table
) -> None:
    with network(quick_api.url, SEED) as between:
        pod.api_url = between.url
        pod.start()
        between.share = 0.2
        for _ in range(8):
            table.new_night(tickets=60, requests_per_shard=20)
        quickly(eyes.finished, 25)
        between.share = 0.0
        pod.until(eyes.finished, seconds=90)

    assert all(between.happened[kind] for kind in KINDS), between.happened
    settled(quick_api, table, eyes)


def test_every_answer_to_a_create_is_lost_for_a_while(
    pod: Pod, quick_api: SimulatedApi, eyes: Eyes, table: Table
) -> None:
    """Three resources with equal counts, all answers lost: each must end up with its own batches."""
    quick_api.ask("faults", [{"kind": "create-response-lost", "times": 6}])
    pod.start()
    for _ in range(3):
        table.new_night(tickets=100)

    pod.until(eyes.finished, seconds=60)

    assert quick_api.ask("bill")["created"] == 6
    settled(quick_api, table, eyes)


@contextmanager
def away(plane: ControlPlane, what: str) -> Iterator[None]:
    """A server of the control plane is killed, and comes back at the end."""
    plane.running.pop(what).stop(signal.SIGKILL)
    yield
    {"etcd": plane.start_etcd, "kube-apiserver": plane.start_api_server}[what]()


@pytest.mark.parametrize("what", ["kube-apiserver", "etcd"])
def test_the_control_plane_goes_and_comes_back(
    what: str, pod: Pod, quick_api: SimulatedApi, eyes: Eyes, table: Table, breakable_plane: ControlPlane
) -> None:
    pod.start()
    table.new_night(tickets=200, requests_per_shard=20)
    assert quickly(lambda: eyes.records("Submitted"), 20)

    with away(breakable_plane, what):
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            pod.start()
            time.sleep(0.5)

    pod.until(eyes.finished, seconds=90)
    settled(quick_api, table, eyes)
