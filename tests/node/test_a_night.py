"""From the chart to labels in PostgreSQL, in real pods."""

from __future__ import annotations

import pytest

from tests.cluster.bench import SimulatedApi
from tests.cluster.trouble import Eyes, Table, settled
from tests.node.installation import Installation, container, is_ready
from tests.waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]


def test_the_chart_runs_the_image_where_only_restricted_pods_are_admitted(
    installation: Installation, held_api: SimulatedApi, table: Table, eyes: Eyes
) -> None:
    installation.install()

    pod = installation.pod()
    assert is_ready(pod)
    assert container(pod)["restartCount"] == 0
    assert pod["spec"]["serviceAccountName"] == "nightsort"
    name = table.new_night(30)
    installation.user.told(name, lambda status: "id" in (status.get("batches") or [{}])[0])
    held_api.ask("end", {})
    eventually(eyes.finished, 60)
    settled(held_api, table, eyes)
