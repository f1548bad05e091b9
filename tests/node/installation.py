"""The chart on the real node: what its administrator sets, and the pods that come of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.bench import SimulatedApi, User
from tests.cluster.helm import CHART, CRD_NAMES, Release
from tests.cluster.restarts import Table
from tests.node.node import IMAGE, TAG, Node

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
OPERATOR = "app.kubernetes.io/component=operator"
START_SECONDS = 90
"""In which a pod is ready even where two processors have much else to do."""


@dataclass
class Installation:
    """The release `nightsort` in a namespace of its own, whose operator buys from `api`."""

    node: Node
    namespace: str
    api: SimulatedApi

    @property
    def user(self) -> User:
        return User(self.node.plane, self.namespace)

    @property
    def release(self) -> Release:
        return Release(self.node.plane, self.namespace)

    def prepare(self) -> None:
        """What is there before the release: a namespace for restricted pods, and a key to buy with."""
        self.node.plane.kubectl("create", "namespace", self.namespace)
        self.node.plane.kubectl("label", "namespace", self.namespace, RESTRICTED)
        self.user.kubectl("create", "secret", "generic", "anthropic", "--from-literal=api-key=node")

    def values(self, **further: Any) -> dict[str, Any]:
        """A node that pulls nothing, an API of the test's, and no kube-proxy that would make the usual address work."""
        plane = self.node.plane
        address = {"KUBERNETES_SERVICE_HOST": plane.address, "KUBERNETES_SERVICE_PORT": str(plane.port)}
        return {
            "image": {"repository": IMAGE, "tag": TAG, "pullPolicy": "Never"},
            "apiKey": {"existingSecret": "anthropic"},
            "settings": {"anthropicBaseUrl": self.api.url, "adoptionGraceSeconds": 3},
            "extraEnv": [{"name": name, "value": value} for name, value in address.items()],
            **further,
        }

    def install(self, chart: Path = CHART, **further: Any) -> None:
        self.release.install(chart=chart, **self.values(**further))
        self.is_rolled_out()

    def upgrade(self, chart: Path = CHART, **further: Any) -> None:
        self.release.upgrade(chart=chart, **self.values(**further))
        self.is_rolled_out()

    def is_rolled_out(self) -> None:
        """Waits until the Deployment's pods are ready."""
        self.user.kubectl("rollout", "status", "deployment/nightsort", f"--timeout={START_SECONDS}s")

    def buy(self, table: Table, tickets: int, batches: int = 1) -> None:
        """New tickets, and the resource that labels them; its batches have been bought, and their ids are on record."""
        name = table.new_night(tickets, requests_per_shard=tickets // batches)

        def are_on_record(status: Any) -> bool:
            return [each["state"] for each in status.get("batches", ())] == ["Submitted"] * batches

        self.user.told(name, are_on_record, START_SECONDS)

    def remove(self) -> None:
        """Tells what its pods said, for the report of a test that failed, and leaves the cluster as it was."""
        sys.stdout.write(self.user.kubectl("get", "pods,cb,events", check=False))
        sys.stdout.write(self.node.logs(self.namespace)[-20_000:])
        if "nightsort" in self.release.helm("list", "--short"):
            self.release.helm("uninstall", "nightsort")
        self.node.plane.kubectl("delete", "crd", *CRD_NAMES, "--ignore-not-found", "--wait=false")
        for resource in self.user.kubectl("get", "cb", "-o", "name", check=False).split():
            self.user.kubectl("patch", resource, "--type=merge", "-p", '{"metadata":{"finalizers":null}}', check=False)
        self.node.plane.kubectl("delete", "namespace", self.namespace, "--wait=false")
        self.node.plane.delete_crds(*CRD_NAMES)

    def pods(self, selector: str = OPERATOR) -> list[Any]:
        """Those that are not on their way out."""
        found = json.loads(self.user.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def pod(self) -> Any:
        """The operator's only one."""
        [pod] = self.pods()
        return pod

    def uids(self) -> set[str]:
        """Of the operator's pods."""
        return {pod["metadata"]["uid"] for pod in self.pods()}

    def kill(self) -> None:
        """`kill -9` of the operator in its container."""
        self.node.kill(container(self.pod())["containerID"])

    def evict(self, pod: Mapping[str, Any]) -> None:
        """As `kubectl drain` does it for each pod."""
        name = pod["metadata"]["name"]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{name}/eviction"
        self.node.plane.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))


def container(pod: Mapping[str, Any]) -> Any:
    """The state of the pod's only container."""
    [status] = pod["status"]["containerStatuses"]
    return status


def is_ready(pod: Mapping[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))
