"""What the cluster tests work with: the operator as a process of its own, a simulated API, and a user's kubectl."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.cluster.controlplane.plane import ControlPlane
from tests.support.processes import Server, free_ports
from tests.support.waiting import eventually

NIGHTSORT = [sys.executable, "-m", "nightsort"]


class SimulatedApi:
    """A simulator process, and what its control path tells; as a context manager it ends with the block."""

    def __init__(self, folder: Path, seconds: float, *flags: str, address: str = "127.0.0.1") -> None:
        (port,) = free_ports(1)
        self.url = f"http://{address}:{port}"
        command = [*NIGHTSORT, "simulate", "--host", address, "--port", str(port), "--seconds", str(seconds), *flags]
        self.server = Server.start(command, folder / "simulator.log")
        self.server.wait_until(lambda: "simulating" in self.server.tail())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()

    def ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{path}", data=data, method="POST" if data else "GET")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def batches(self, ids: set[str]) -> list[Any]:
        """Those batches of the bill."""
        return [batch for batch in self.ask("bill")["batches"] if batch["id"] in ids]


def start_operator(
    plane: ControlPlane,
    api_url: str,
    log: Path,
    *flags: str,
    ready: Callable[[], bool] | None = None,
    **environment: str,
) -> Server:
    """The operator as a process, which ends with the block; it is waited for until it watches, or until `ready`."""
    command = [*NIGHTSORT, "operator", "--api-url", api_url, *flags]
    server = Server.start(command, log, env={**os.environ, "KUBECONFIG": str(plane.kubeconfig), **environment})
    server.wait_until(ready or (lambda: "watching" in server.log.read_text()))
    return server


@dataclass(frozen=True)
class User:
    """Somebody with kubectl and one namespace."""

    plane: ControlPlane
    namespace: str

    def kubectl(self, *arguments: str, input: str | None = None, check: bool = True) -> str:
        return self.plane.kubectl("--namespace", self.namespace, *arguments, input=input, check=check)

    def apply(self, *manifests: Mapping[str, Any]) -> str:
        return self.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(manifests))

    def secret(self, name: str, label: str = "true", **values: str) -> None:
        labels = {"nightsort.dev/allow": label}
        self.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels}, "stringData": values}
        )

    def get(self, name: str, kind: str = "cb") -> Any:
        return json.loads(self.kubectl("get", kind, name, "-o", "json"))

    def finished(self, name: str, seconds: int = 60) -> Any:
        """The resource once it has ended, either way; waits as a user would."""
        self.kubectl("wait", "--for=condition=Finished", f"--timeout={seconds}s", f"cb/{name}")
        return self.get(name)

    def told(self, name: str, says: Callable[[Any], bool], seconds: float = 30) -> Any:
        """The status once it says that."""

        def ask() -> Any:
            status = self.get(name).get("status") or {}
            return status if says(status) else None

        return eventually(ask, seconds)

    def rows(self, config_map: str) -> dict[str, Any]:
        """The rows of a results ConfigMap by ticket id; fails when an id has two."""
        lines = self.get(config_map, "configmap")["data"]["results.jsonl"].splitlines()
        rows = [json.loads(line) for line in lines]
        by_id = {row["id"]: row for row in rows}
        assert len(by_id) == len(rows), "one row for each ticket"
        return by_id


def batch(name: str, source: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """A manifest with what these tests have in common."""
    defaults = {"model": "claude-haiku-4-5", "pollIntervalSeconds": 1}
    return {
        "apiVersion": "nightsort.dev/v1alpha1",
        "kind": "ClassificationBatch",
        "metadata": {"name": name},
        "spec": {**defaults, "source": source, **spec},
    }


def inline(*bodies: str) -> dict[str, Any]:
    tickets = [{"id": str(number), "subject": "Help", "body": body} for number, body in enumerate(bodies, 1)]
    return {"inline": {"tickets": tickets}}


def condition(status: Any, kind: str) -> str | None:
    """True, False or None where the condition is absent."""
    return next((one["status"] for one in status.get("conditions", ()) if one["type"] == kind), None)


def reason(status: Any) -> str | None:
    return next((one["reason"] for one in status.get("conditions", ()) if one["type"] == "Ready"), None)
