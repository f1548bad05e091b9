"""The operator's own life: how it ends, how it starts with much to do, and how one sees that it is well."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bench import NIGHTSORT, SimulatedApi, User, batch, inline
from tests.cluster.controlplane.plane import ControlPlane
from tests.cluster.restarts import Pod, StatusReader, Table, resident_megabytes, settled
from tests.support.processes import Server, free_ports
from tests.support.waiting import eventually

pytestmark = pytest.mark.cluster

RESOURCES = 1000
SECONDS_TO_END = 10


class RealProcess:
    """The command as a container runs it, no fork of a process that has imported everything."""

    def __init__(self, user: User, api: SimulatedApi, folder: Path) -> None:
        self._user, self._api, self._folder = user, api, folder
        self.server: Server | None = None

    def start(self, *flags: str) -> Server:
        command = [*NIGHTSORT, "operator", "--namespace", self._user.namespace, "--api-url", self._api.url, *flags]
        environment = {
            **os.environ,
            "KUBECONFIG": str(self._user.plane.kubeconfig),
            "NIGHTSORT_ANTHROPIC_API_KEY": "simulated",
            "NIGHTSORT_ADOPTION_GRACE_SECONDS": "120",  # a create may take half of it
            "NIGHTSORT_DATABASE_HOSTS": "*,127.0.0.1,localhost",
        }
        self.server = Server.start(command, self._folder / "real.log", env=environment)
        return self.server

    def end(self) -> tuple[int, float]:
        """Its exit code on SIGTERM, and how many seconds it took."""
        assert self.server is not None
        began = time.monotonic()
        self.server.process.send_signal(signal.SIGTERM)
        return self.server.process.wait(60), time.monotonic() - began


@pytest.fixture
def process(isolated_user: User, quick_api: SimulatedApi, tmp_path: Path) -> Iterator[RealProcess]:
    process = RealProcess(isolated_user, quick_api, tmp_path)
    yield process
    if process.server is not None:
        process.server.stop(signal.SIGKILL)


DELAYS = {
    "create": {"kind": "delay", "operation": "create", "seconds": 30},
    "results": {"kind": "delay", "operation": "results", "seconds": 30, "accepted": False},
}


@pytest.mark.parametrize("operation", DELAYS)
def test_sigterm_ends_it_within_seconds_in_the_middle_of_a_call(
    operation: str, process: RealProcess, pod: Pod, quick_api: SimulatedApi, reader: StatusReader, table: Table
) -> None:
    """What was under way is found out, and done, by the next process."""
    quick_api.ask("faults", [DELAYS[operation]])
    process.start()
    table.new_night(tickets=60, requests_per_shard=30)
    eventually(lambda: quick_api.ask("requests")["calls"].get(operation), 30)

    code, seconds = process.end()

    assert code == 0
    assert seconds < SECONDS_TO_END
    pod.until(reader.finished, seconds=60)
    settled(quick_api, table, reader)


def test_sigterm_lets_the_call_under_way_come_to_its_end_and_begins_no_other(
    process: RealProcess, pod: Pod, quick_api: SimulatedApi, reader: StatusReader, table: Table
) -> None:
    quick_api.ask("faults", [{"kind": "delay", "operation": "create", "seconds": 2}])
    process.start()
    table.new_night(tickets=90, requests_per_shard=30)
    eventually(lambda: quick_api.ask("requests")["calls"].get("create"), 30)

    code, seconds = process.end()

    assert (code, quick_api.ask("bill")["created"]) == (0, 1)
    assert seconds < SECONDS_TO_END
    assert len(reader.records("Submitted")) == 1, "its id was written down"
    pod.until(reader.finished, seconds=60)
    settled(quick_api, table, reader)


def test_the_liveness_endpoint_answers_that_it_is_well(process: RealProcess) -> None:
    (port,) = free_ports(1)
    process.start("--liveness-port", str(port))

    def ask() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                return int(answer.status)
        except OSError:
            return 0

    assert eventually(ask, 30) == 200


class Crowd:
    """Many resources whose batches are running, as an operator finds them that starts anew."""

    def __init__(self, plane: ControlPlane, namespace: str, api: SimulatedApi) -> None:
        self._plane, self._api = plane, api
        self._path = f"/apis/nightsort.dev/v1alpha1/namespaces/{namespace}/classificationbatches"

    def create(self, count: int) -> None:
        with ThreadPoolExecutor(4) as workers:
            list(workers.map(self._create_range, [range(start, count, 4) for start in range(4)]))

    def _create_range(self, numbers: range) -> None:
        context = ssl.create_default_context(cafile=self._plane.ca_file)
        plane = http.client.HTTPSConnection("127.0.0.1", self._plane.port, timeout=30, context=context)
        api = http.client.HTTPConnection(self._api.url.removeprefix("http://"), timeout=30)
        for number in numbers:
            batch_id = call(api, "POST", "/v1/messages/batches", REQUEST, KEY)["id"]
            manifest = batch(f"one-of-many-{number}", inline("Refund my invoice"), pollIntervalSeconds=60)
            made = call(plane, "POST", self._path, manifest, self._token)
            made["status"] = self._status(batch_id, number)
            call(plane, "PUT", f"{self._path}/{manifest['metadata']['name']}/status", made, self._token)
        plane.close()
        api.close()

    @property
    def _token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._plane.token}"}

    def _status(self, batch_id: str, number: int) -> dict[str, Any]:
        """As it is written when a batch has been submitted; each at a moment of its own in the last hours."""
        then = (datetime.now(UTC) - timedelta(seconds=10 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        record = {"shard": 0, "attempt": 0, "tag": "abcdef", "state": "Submitted", "id": batch_id, "requests": 1}
        moments = {"intendedAt": then, "submittedAt": then}
        plan = {"tickets": 1, "disableThinking": False}
        return {"startTime": then, "sourceExhausted": True, "plan": plan, "batches": [{**record, **moments}]}


REQUEST = {
    "requests": [
        {
            "custom_id": "abcdef-1",
            "params": {
                "model": "claude-haiku-4-5",
                "max_tokens": 50,
                "messages": [{"role": "user", "content": "Refund"}],
            },
        }
    ]
}
KEY = {"x-api-key": "simulated", "anthropic-version": "2023-06-01"}


def call(connection: http.client.HTTPConnection, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
    connection.request(method, path, json.dumps(body), {**headers, "Content-Type": "application/json"})
    answer = connection.getresponse()
    content = json.loads(answer.read())
    assert answer.status in (200, 201), content
    return content


@pytest.mark.timeout(240)
def test_a_start_with_a_thousand_unfinished_resources_is_no_stampede(
    pod: Pod, isolated_user: User, reader: StatusReader, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    (tmp_path / "slow").mkdir()
    slow = SimulatedApi(tmp_path / "slow", seconds=3600)
    try:
        Crowd(isolated_user.plane, isolated_user.namespace, slow).create(RESOURCES)
        pod.api_url = slow.url
        began = time.monotonic()
        fork = pod.start()
        looked_at: dict[str, float] = {}

        def all_looked_at() -> bool:
            for name, status in reader.statuses().items():
                if status.get("conditions"):
                    looked_at.setdefault(name, time.monotonic() - began)
            return len(looked_at) == RESOURCES

        eventually(all_looked_at, 120, every=0.5)
        calls = slow.ask("requests")["calls"]
        megabytes = resident_megabytes(fork.pid) - resident_megabytes(pod.fork_server.pid)
    finally:
        slow.server.stop()

    record_property("seconds from the first look to the last", max(looked_at.values()) - min(looked_at.values()))
    record_property("memory, MB", megabytes)
    record_property("calls", calls)
    assert calls["list"] <= 8, "one for each hour of age, and one for each interval"
    assert set(calls) == {"create", "list"}, "nothing is asked for one by one"
    assert pod.starts == 1
    assert megabytes < 800, "beyond what the imports take; it grows no further, whatever the machine"
