"""From the chart to labels in PostgreSQL, in real pods."""

from __future__ import annotations

import pytest

from tests.cluster.bench import SimulatedApi, condition
from tests.cluster.restarts import StatusReader, Table, paid_and_labelled_once, settled
from tests.node.installation import Installation, container, is_ready
from tests.support.waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]

NIGHTLY = "app.kubernetes.io/component=nightly"
A_MINUTE_AND_MORE = 90


def test_the_chart_runs_the_image_where_only_restricted_pods_are_admitted(
    installation: Installation, held_api: SimulatedApi, table: Table, reader: StatusReader
) -> None:
    installation.install()

    pod = installation.pod()
    assert is_ready(pod)
    assert container(pod)["restartCount"] == 0
    assert pod["spec"]["serviceAccountName"] == "nightsort"
    assert "Phase:          Succeeded" in installation.release.helm("test", "nightsort", "--timeout=90s")

    installation.buy(table, tickets=30)
    held_api.ask("end", {})
    eventually(reader.finished, 60)
    settled(held_api, table, reader)


def test_the_cron_job_fires_and_the_night_is_bought_once_however_often_it_is_begun(
    installation: Installation, held_api: SimulatedApi, table: Table, reader: StatusReader
) -> None:
    spec = table.manifest(table.insert(30))["spec"]
    installation.install(nightly={"enabled": True, "name": "tickets", "schedule": "* * * * *", "spec": spec})
    user = installation.user

    eventually(reader.statuses, A_MINUTE_AND_MORE)
    eventually(lambda: held_api.ask("bill")["created"] == 1, A_MINUTE_AND_MORE)
    held_api.ask("end", {})
    eventually(reader.finished, 60)
    user.kubectl("create", "job", "once-more", "--from=cronjob/nightsort-nightly")
    user.kubectl("wait", "--for=condition=Complete", "--timeout=60s", "job/once-more")

    [name] = reader.statuses()
    assert name.startswith("tickets-")
    assert condition(user.get(name)["status"], "Complete") == "True"
    paid_and_labelled_once(held_api, table)
    assert {pod["spec"]["serviceAccountName"] for pod in installation.pods(NIGHTLY)} == {"nightsort-nightly"}
