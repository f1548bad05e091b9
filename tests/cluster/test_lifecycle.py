"""What users do to resources besides applying them: suspend, delete, apply again, take the namespace away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.bench import SimulatedApi, User, batch, condition, inline, reason
from tests.cluster.controlplane.plane import ControlPlane
from tests.cluster.fixtures import CRDS
from tests.cluster.helm import grown
from tests.cluster.proxy import network
from tests.cluster.restarts import Pod, StatusReader, Table
from tests.support.waiting import eventually

pytestmark = pytest.mark.cluster


@pytest.fixture
def slow_api(tmp_path: Path) -> Iterator[SimulatedApi]:
    """What is bought here does not end by itself before the test does."""
    (tmp_path / "slow").mkdir()
    with SimulatedApi(tmp_path / "slow", seconds=600) as api:
        yield api


@pytest.fixture
def slow_pod(pod: Pod, slow_api: SimulatedApi) -> Pod:
    pod.api_url = slow_api.url
    return pod


def running(user: User, name: str, **spec: Any) -> str:
    """The batch id of a resource that has just been submitted."""
    user.apply(batch(name, inline("Refund my invoice"), **spec))
    status = user.told(name, lambda status: bool(status.get("batches")) and status["batches"][0].get("id"))
    return str(status["batches"][0]["id"])


def ended(api: SimulatedApi, batch_id: str) -> bool:
    (bought,) = api.batches({batch_id})
    return bool(bought["ended"]) and bought["paid"] == 0


def test_deleting_the_namespace_cancels_what_runs_and_ends(
    slow_pod: Pod, slow_api: SimulatedApi, isolated_user: User
) -> None:
    """With a key of the namespace's own: its Secret is deleted at the same time, and may be gone before."""
    slow_pod.start()
    isolated_user.secret("anthropic", **{"api-key": "own"})
    credentials = {"secretRef": {"name": "anthropic", "key": "api-key"}}
    bought = [running(isolated_user, "own-key", credentials=credentials), running(isolated_user, "common-key")]

    began = time.monotonic()
    isolated_user.plane.kubectl("delete", "namespace", isolated_user.namespace, "--timeout=60s")

    assert time.monotonic() - began < 30, "the finalizer's own deadline was not needed"
    eventually(lambda: all(ended(slow_api, batch_id) for batch_id in bought), 10)


@pytest.mark.parametrize("how", ["refuses connections", "takes calls and never answers"])
def test_a_delete_while_the_api_is_away_ends_in_time_and_names_the_batch(
    how: str, slow_pod: Pod, slow_api: SimulatedApi, isolated_user: User
) -> None:
    slow_pod.environment["NIGHTSORT_FAREWELL_SECONDS"] = "4"
    with network(slow_api.url) as between:
        slow_pod.api_url = between.url
        slow_pod.start()
        batch_id = running(isolated_user, "left", pollIntervalSeconds=3600)
        between.down, between.deaf = how == "refuses connections", True

        isolated_user.kubectl("delete", "cb", "left", "--timeout=20s")

        events = json.loads(isolated_user.kubectl("get", "events", "-o", "json"))["items"]
    (told,) = [event for event in events if event["reason"] == "CancelFailed"]
    assert batch_id in told["message"]
    assert told["type"] == "Warning"


def test_a_finished_resource_can_be_deleted_while_the_operator_is_away(pod: Pod, isolated_user: User) -> None:
    pod.start()
    isolated_user.apply(batch("done", inline("Refund my invoice")))
    isolated_user.finished("done")
    isolated_user.told("done", lambda _: not isolated_user.get("done")["metadata"].get("finalizers"))
    pod.kill()

    isolated_user.kubectl("delete", "cb", "done", "--timeout=10s")


def test_a_resource_deleted_while_the_operator_is_away_is_cancelled_when_it_is_back(
    slow_pod: Pod, slow_api: SimulatedApi, isolated_user: User
) -> None:
    slow_pod.start()
    batch_id = running(isolated_user, "meanwhile")
    slow_pod.kill()
    isolated_user.kubectl("delete", "cb", "meanwhile", "--wait=false")

    slow_pod.start()

    isolated_user.kubectl("wait", "--for=delete", "cb/meanwhile", "--timeout=30s")
    eventually(lambda: ended(slow_api, batch_id), 10)


def test_suspended_nothing_runs_and_resumed_every_ticket_gets_its_row(
    pod: Pod, quick_api: SimulatedApi, isolated_user: User
) -> None:
    """What the cancelled batch had answered by then is kept, the rest is bought: together each ticket once."""
    pod.start()
    tickets = inline(*["Refund my invoice"] * 100)
    quick_api.ask("faults", [{"kind": "delay", "operation": "results", "seconds": 0.1}])
    isolated_user.apply(batch("pausing", tickets, pollIntervalSeconds=5))
    isolated_user.told("pausing", lambda status: bool(status.get("batches")) and status["batches"][0].get("id"))

    isolated_user.kubectl("patch", "cb", "pausing", "--type=merge", "-p", '{"spec": {"suspend": true}}')
    isolated_user.told("pausing", lambda status: condition(status, "Suspended") == "True")
    eventually(lambda: all(one["ended"] for one in quick_api.ask("bill")["batches"]), 10)
    bought = quick_api.ask("bill")["created"]
    time.sleep(2)
    assert quick_api.ask("bill")["created"] == bought, "nothing is bought while it is suspended"

    isolated_user.kubectl("patch", "cb", "pausing", "--type=merge", "-p", '{"spec": {"suspend": false}}')
    status = isolated_user.finished("pausing")["status"]

    assert condition(status, "Complete") == "True"
    assert len(isolated_user.rows("pausing-results")) == 100
    assert quick_api.ask("bill")["paid"] == 100


def test_a_run_that_is_too_late_is_stopped_and_keeps_what_it_has(
    slow_pod: Pod, slow_api: SimulatedApi, isolated_user: User
) -> None:
    slow_pod.start()
    batch_id = running(isolated_user, "late", activeDeadlineSeconds=5)

    status = isolated_user.finished("late")["status"]

    assert (condition(status, "Failed"), reason(status)) == ("True", "DeadlineExceeded")
    assert ended(slow_api, batch_id)
    assert {row["verdict"] for row in isolated_user.rows("late-results").values()} == {"Canceled"}


def test_a_finished_resource_goes_when_its_time_is_over_even_if_the_operator_was_away(
    pod: Pod, isolated_user: User
) -> None:
    pod.start()
    isolated_user.apply(batch("brief", inline("Refund"), ttlSecondsAfterFinished=3))
    isolated_user.finished("brief")
    pod.kill()
    time.sleep(3)
    assert isolated_user.get("brief")

    pod.start()

    isolated_user.kubectl("wait", "--for=delete", "cb/brief", "--timeout=20s")


def test_a_finished_resource_that_cannot_be_read_goes_when_its_time_is_over_too(pod: Pod, isolated_user: User) -> None:
    pod.start()
    ambiguous = [{"name": "billing", "aliases": ["other"]}, {"name": "other"}]
    isolated_user.apply(batch("unclear", inline("Refund"), categories=ambiguous, ttlSecondsAfterFinished=3))

    isolated_user.kubectl("wait", "--for=delete", "cb/unclear", "--timeout=30s")


def test_a_change_of_a_finished_resource_is_seen(pod: Pod, isolated_user: User) -> None:
    pod.start()
    isolated_user.apply(batch("done", inline("Refund")))
    before = isolated_user.finished("done")

    isolated_user.kubectl("patch", "cb", "done", "--type=merge", "-p", '{"spec": {"ttlSecondsAfterFinished": 604800}}')

    isolated_user.kubectl("wait", "--for=condition=Complete", "cb/done", "--timeout=20s")
    after = isolated_user.told("done", lambda status: status.get("observedGeneration") == 2)
    seen = [{**one, "observedGeneration": 2} for one in before["status"]["conditions"]]
    assert after == {**before["status"], "observedGeneration": 2, "conditions": seen}


def test_a_crd_that_is_newer_than_the_operator_stops_no_run(
    slow_pod: Pod, slow_api: SimulatedApi, isolated_user: User
) -> None:
    """As in every upgrade: the CRD comes first, and the old operator leads until the new one is there."""
    slow_pod.start()
    batch_id = running(isolated_user, "meanwhile-newer")
    with newer_crd(isolated_user.plane):
        isolated_user.kubectl("annotate", "cb", "meanwhile-newer", "example.com/touched=yes")
        assert isolated_user.get("meanwhile-newer")["spec"]["priority"] == "Normal"
        isolated_user.apply(batch("created-newer", inline("Refund my invoice")))
        isolated_user.told("created-newer", lambda status: bool(status.get("batches")))
        slow_api.ask("end", {})

        status = isolated_user.finished("meanwhile-newer")["status"]

    assert condition(status, "Complete") == "True"
    assert [one["id"] for one in status["batches"]] == [batch_id]
    assert len(isolated_user.rows("meanwhile-newer-results")) == 1


@contextmanager
def newer_crd(plane: ControlPlane) -> Iterator[None]:
    """The CRD of a later version, with a field that every resource gets."""
    crd = yaml.safe_load((CRDS / "nightsort.dev_classificationbatches.yaml").read_text())
    grown(crd)
    try:
        plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(crd))
        yield
    finally:
        plane.apply_crds(CRDS)


def test_two_resources_on_the_same_tickets_buy_them_once(
    slow_pod: Pod, slow_api: SimulatedApi, reader: StatusReader, table: Table, isolated_user: User
) -> None:
    slow_pod.start()
    table.new_night(tickets=40)
    second = table.manifest(0)
    second["metadata"]["name"] = "same-night"
    slow_pod.until(lambda: reader.records("Submitted"), seconds=30)
    isolated_user.apply(second)

    waited = isolated_user.told("same-night", lambda status: reason(status) == "Overlap")
    assert "night-0" in waited["message"]
    slow_api.ask("end", {})
    slow_pod.until(reader.finished, seconds=60)

    assert slow_api.ask("bill")["paid"] == 40
    assert isolated_user.get("same-night")["status"]["tickets"]["total"] == 0


def test_who_wants_a_name_of_results_that_is_taken_buys_nothing_until_it_is_free(
    pod: Pod, quick_api: SimulatedApi, isolated_user: User
) -> None:
    pod.start()
    results = {"configMap": {"name": "labels"}}
    isolated_user.apply(batch("first", inline("Refund my invoice"), results=results))
    isolated_user.finished("first")
    isolated_user.apply(batch("second", inline("I was charged twice"), results=results))

    told = isolated_user.told("second", lambda status: reason(status) == "ResultsNameTaken")
    assert "it is of ClassificationBatch first" in told["message"]
    assert quick_api.ask("bill")["created"] == 1
    isolated_user.kubectl("delete", "cb", "first", "--timeout=20s")

    assert condition(isolated_user.finished("second", 150)["status"], "Complete") == "True"
    assert quick_api.ask("bill")["created"] == 2


def test_what_gitops_deletes_and_creates_again_is_not_bought_again(
    pod: Pod, quick_api: SimulatedApi, reader: StatusReader, table: Table, isolated_user: User
) -> None:
    """The query leaves out what is labelled already."""
    pod.start()
    table.new_night(tickets=40)
    pod.until(reader.finished, seconds=60)
    created = quick_api.ask("bill")["created"]

    isolated_user.kubectl("delete", "cb", "night-0", "--timeout=20s")
    isolated_user.apply(table.manifest(0))
    again = isolated_user.finished("night-0")["status"]

    assert (condition(again, "Complete"), again["tickets"]["total"]) == ("True", 0)
    assert quick_api.ask("bill")["created"] == created
