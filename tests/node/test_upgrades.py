"""Helm's part of an operator's life, while a batch runs: the bill stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.bench import SimulatedApi
from tests.cluster.helm import CRD_NAME, columns, with_another_crd
from tests.cluster.restarts import StatusReader, Table, settled
from tests.node.installation import START_SECONDS, Installation
from tests.support.waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]

FINISH_SECONDS = 90


def test_an_upgrade_that_changes_the_crd_and_a_rollback_leave_running_batches_alone(
    installation: Installation, held_api: SimulatedApi, table: Table, reader: StatusReader, tmp_path: Path
) -> None:
    installation.install()
    installation.buy(table, tickets=60, batches=3)
    first = installation.uids()

    installation.upgrade(chart=with_another_crd(tmp_path), podAnnotations={"example.com/version": "next"})
    assert "Shards" in columns(installation.node.plane)
    second = installation.uids()
    assert not first & second, "other pods"
    assert len(reader.records("Submitted")) == 3

    installation.release.helm("rollback", "nightsort", "1")
    eventually(lambda: not second & installation.uids(), START_SECONDS)
    installation.is_rolled_out()
    assert "Shards" not in columns(installation.node.plane)

    held_api.ask("end", {})
    eventually(reader.finished, FINISH_SECONDS)
    settled(held_api, table, reader)


def test_an_uninstall_keeps_running_batches_for_the_next_installation(
    installation: Installation, held_api: SimulatedApi, table: Table, reader: StatusReader
) -> None:
    installation.install()
    installation.buy(table, tickets=60, batches=3)

    installation.release.helm("uninstall", "nightsort")
    eventually(lambda: not installation.pods(), START_SECONDS)
    held_api.ask("end", {})  # nobody sees it
    assert CRD_NAME in installation.node.plane.kubectl("get", "crd", "-o", "name")
    assert len(reader.records("Submitted")) == 3

    installation.install()

    eventually(reader.finished, FINISH_SECONDS)
    settled(held_api, table, reader)
