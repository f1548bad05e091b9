"""The operator's own process on a real API server: resources in flight, and a start over finished ones.

`python -m benchmarks.cluster flying 1000` or `finished 10000`. Needs `make control-plane`. Prints JSON.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from benchmarks.tickets import resource
from tests.cluster.bench import SimulatedApi, start_operator
from tests.cluster.controlplane.plane import TOP, ControlPlane
from tests.support.processes import Server

CRDS = TOP / "crds"
NAMESPACE = "bench"
PATH = f"/apis/nightsort.dev/v1alpha1/namespaces/{NAMESPACE}/classificationbatches"
THREADS = 4
LONG_AGO = "2026-11-21T20:00:00Z"
FINISHED = {
    "observedGeneration": 1,
    "phase": "Complete",
    "plan": {"tickets": 1},
    "sourceExhausted": True,
    "startTime": LONG_AGO,
    "completionTime": LONG_AGO,
    "tickets": {"total": 1, "labeled": 1, "unknown": 0, "failed": 0, "inFlight": 0},
    "batches": [
        {
            "shard": 0,
            "attempt": 0,
            "tag": "abcdef",
            "state": "Collected",
            "id": "msgbatch_01abcdefghijklmnopqrstuv",
            "requests": 1,
            "labeled": 1,
            "intendedAt": "2026-11-21T20:00:00.000000Z",
        }
    ],
    "conditions": [
        {"type": kind, "status": "True", "lastTransitionTime": LONG_AGO, "reason": "Complete", "message": "1 ticket"}
        for kind in ("Ready", "Complete", "Finished")
    ],
}
IDLE_SECONDS = 30
HERTZ = os.sysconf("SC_CLK_TCK")
INTERVAL = 60


def manifests(count: int) -> list[dict[str, Any]]:
    """So many resources of one ticket each."""
    made = []
    for number in range(count):
        one = resource(f"r-{number:05d}", {"inline": {"tickets": [{"id": "1", "subject": "Help", "body": "Refund"}]}})
        one["metadata"] = {"name": f"r-{number:05d}", "namespace": NAMESPACE}
        one["spec"] |= {"pollIntervalSeconds": INTERVAL, "overlapPolicy": "Allow"}
        made.append(one)
    return made


class Client:
    """Writes resources to the API server from a few threads, each with a connection of its own."""

    def __init__(self, plane: ControlPlane) -> None:
        self._host, _, port = plane.url.removeprefix("https://").partition(":")
        self._port = int(port)
        self._tls = ssl.create_default_context(cafile=plane.ca_file)
        self._headers = {"Authorization": f"Bearer {plane.token}", "Content-Type": "application/json"}
        self._local = threading.local()

    def create_all(self, made: list[dict[str, Any]], status: dict[str, Any] | None = None) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda one: self._create(one, status), made))

    def _create(self, one: dict[str, Any], status: dict[str, Any] | None) -> None:
        stored = self._send("POST", PATH, one)
        if status is not None:
            self._send("PUT", f"{PATH}/{one['metadata']['name']}/status", stored | {"status": status})

    def _send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPSConnection(self._host, self._port, context=self._tls)
        self._local.connection.request(method, path, json.dumps(body), self._headers)
        answer = self._local.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")
        found: dict[str, Any] = json.loads(content)
        return found


class Process:
    """What a running process has used."""

    def __init__(self, server: Server) -> None:
        self._root = Path("/proc") / str(server.pid)

    def cpu(self) -> float:
        fields = (self._root / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / HERTZ

    def memory_mb(self, field: str = "VmRSS") -> float:
        return self._status(field) / 1024

    def threads(self) -> int:
        return self._status("Threads")

    def _status(self, field: str) -> int:
        lines = (self._root / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(field))


def phases(plane: ControlPlane, *name: str) -> list[str]:
    """Of one resource or of all."""
    path = "{.status.phase}" if name else "{.items[*].status.phase}"
    return plane.kubectl("-n", NAMESPACE, "get", "cb", *name, "-o", f"jsonpath={path}").split()


def states(plane: ControlPlane) -> list[str]:
    """Of all batches: Submitted, but for those whose purchase was not answered."""
    path = "{.items[*].status.batches[*].state}"
    return plane.kubectl("-n", NAMESPACE, "get", "cb", "-o", f"jsonpath={path}").split()


def flying(plane: ControlPlane, api: SimulatedApi, folder: Path, count: int) -> dict[str, Any]:
    Client(plane).create_all(manifests(count))
    began = time.perf_counter()
    server = start_operator(plane, api.url, folder / "operator.log", ANTHROPIC_API_KEY="bench")
    try:
        process = Process(server)
        while phases(plane).count("Processing") < count:
            time.sleep(1)
        submitted = time.perf_counter() - began
        time.sleep(float(os.environ.get("SETTLE", 2 * INTERVAL)))
        cpu, lists = process.cpu(), api.ask("requests")["calls"].get("list", 0)
        time.sleep(IDLE_SECONDS)
        return {
            "resources": count,
            "states": dict(Counter(states(plane))),
            "submitted_seconds": round(submitted, 1),
            "idle_cpu_percent": round((process.cpu() - cpu) / IDLE_SECONDS * 100, 1),
            "lists_a_minute": (api.ask("requests")["calls"].get("list", 0) - lists) * 60 / IDLE_SECONDS,
            "memory_mb": round(process.memory_mb(), 1),
            "peak_mb": round(process.memory_mb("VmHWM"), 1),
        }
    finally:
        server.stop()


def finished(plane: ControlPlane, api: SimulatedApi, folder: Path, count: int) -> dict[str, Any]:
    """A start over resources that have ended; it is over when one that is new has ended too."""
    Client(plane).create_all(manifests(count), FINISHED)
    began = time.perf_counter()
    server = start_operator(plane, api.url, folder / "operator.log", ready=lambda: True, ANTHROPIC_API_KEY="bench")
    try:
        process, fresh = Process(server), manifests(count + 1)[-1:]
        Client(plane).create_all(fresh)
        while phases(plane, fresh[0]["metadata"]["name"]) != ["Processing"]:
            time.sleep(0.25)
        started = time.perf_counter() - began
        time.sleep(IDLE_SECONDS / 2)
        cpu = process.cpu()
        time.sleep(IDLE_SECONDS / 2)
        return {
            "resources": count,
            "started_seconds": round(started, 1),
            "idle_cpu_percent": round((process.cpu() - cpu) / IDLE_SECONDS * 200, 1),
            "memory_mb": round(process.memory_mb(), 1),
            "peak_mb": round(process.memory_mb("VmHWM"), 1),
            "calls": api.ask("requests")["calls"],
        }
    finally:
        server.stop()


def main(what: str, count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="nightsort-bench-") as temporary:
        folder = Path(temporary)
        api = SimulatedApi(folder, 36_000)
        try:
            with ControlPlane(folder / "plane", crds=CRDS, controller_manager=False) as plane:
                plane.kubectl("create", "namespace", NAMESPACE)
                print(json.dumps({"flying": flying, "finished": finished}[what](plane, api, folder, count)))
        except subprocess.CalledProcessError as error:
            raise SystemExit(str(error)) from None
        finally:
            api.server.stop()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
