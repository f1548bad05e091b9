"""What befalls pods while a batch runs, and that the bill stays: requests paid are tickets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cluster.bench import SimulatedApi
from tests.cluster.restarts import StatusReader, Table, settled
from tests.node.installation import START_SECONDS, Installation, container
from tests.support.waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]

FINISH_SECONDS = 90


def kill(installation: Installation) -> None:
    """The container is killed; the kubelet starts it again in the same pod."""
    installation.kill()
    eventually(lambda: container(installation.pod())["restartCount"] == 1, START_SECONDS)
    installation.is_rolled_out()


def evict(installation: Installation) -> None:
    """Another pod takes the place of the one that is evicted."""
    pod = installation.pod()
    installation.evict(pod)
    eventually(lambda: pod["metadata"]["uid"] not in installation.uids(), START_SECONDS)
    installation.is_rolled_out()


def drain(installation: Installation) -> None:
    """The only node is taken out of service; nobody can work until it is back."""
    installation.node.drain()
    assert not [pod for pod in installation.pods() if "nodeName" in pod["spec"]], "no pod has a node"
    installation.api.ask("end", {})
    installation.node.uncordon()
    installation.is_rolled_out()


@pytest.mark.parametrize("fault", [kill, evict, drain])
def test_a_batch_in_the_middle_of_which_the_operator_is_gone_is_paid_and_labelled_once(
    installation: Installation,
    held_api: SimulatedApi,
    table: Table,
    reader: StatusReader,
    fault: Callable[[Installation], None],
) -> None:
    installation.install(podDisruptionBudget={"enabled": True})
    installation.buy(table, tickets=60, batches=3)

    fault(installation)

    held_api.ask("end", {})
    eventually(reader.finished, FINISH_SECONDS)
    settled(held_api, table, reader)


def test_a_batch_whose_buyer_is_killed_before_the_answer_is_found_again(
    installation: Installation, held_api: SimulatedApi, table: Table, reader: StatusReader
) -> None:
    installation.install()
    held_api.ask("faults", {"kind": "delay", "operation": "create", "seconds": 60, "accepted": True})
    table.new_night(40)
    eventually(lambda: held_api.ask("bill")["created"] == 1, FINISH_SECONDS)
    assert reader.records("Intended"), "nobody knows the batch's id"

    kill(installation)

    held_api.ask("end", {})
    eventually(reader.finished, FINISH_SECONDS)
    settled(held_api, table, reader)
    assert held_api.ask("bill")["created"] == 1
