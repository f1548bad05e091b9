"""What 200 stalled resources cost a real API server, counted in its audit log: few looks, and no list of their own."""

from __future__ import annotations

import math
import os
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.audit import Audit
from tests.cluster.bench import SimulatedApi, batch, start_operator
from tests.cluster.controlplane.plane import TOP, ControlPlane
from tests.support.processes import free_ports
from tests.support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

SECONDS = float(os.environ.get("NIGHTSORT_STALLED_SECONDS", "45"))
"""How long is counted; docs/security.md has the figures of 150 s."""
ONE_SECRET, OWN_DATABASES, TEAMS, OF_A_TEAM = 80, 40, 20, 4
RESOURCES = ONE_SECRET + OWN_DATABASES + TEAMS * OF_A_TEAM
NAMESPACES = TEAMS + 1
OWN_QUESTION = 10.0
"""So often, in seconds, the operator asks whether it may still list: a list of no resource, however many there are."""
BEGINNING = 20.0
OF_ITS_BEGINNING = 9
"""Requests for each: its finalizer, a conflict with that, its record's copy, what it names, why it stalls, an event."""


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return Audit(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory, audit: Audit) -> Iterator[ControlPlane]:
    """A control plane that writes down what is asked of it, and nobody but this test's operator asks."""
    folder = tmp_path_factory.mktemp("counted")
    with ControlPlane(folder, controller_manager=False, crds=TOP / "crds", api_server_flags=audit.flags()) as plane:
        plane.kubectl("create", "serviceaccount", "operator", "-n", "default")
        rights = ("--clusterrole=cluster-admin", "--serviceaccount=default:operator")
        plane.kubectl("create", "clusterrolebinding", "operator", *rights)
        yield plane


def stalled() -> Iterator[Mapping[str, Any]]:
    """Many that name one Secret, which is missing; many with databases that are not allowed; teams with Secrets each.

    Each waits for others that work on its source, if there are any.
    """
    yield tickets("default")
    for number in range(ONE_SECRET):
        yield within("default", batch(f"one-{number}", source(f"one-{number}"), **key("anthropic")))
    for number in range(OWN_DATABASES):
        name = f"database-{number}"
        yield secret(name, f"postgresql://127.0.0.{number + 1}/tickets")
        results = {"database": {"urlSecretRef": {"name": name, "key": "url"}, "table": "tickets"}}
        yield within("default", batch(name, source(name), results=results))
    for team in range(TEAMS):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"team-{team}"}}
        for number in range(OF_A_TEAM):
            name = f"own-{number}"
            yield within(f"team-{team}", batch(name, source(name), **key(name)))


def source(name: str) -> Mapping[str, Any]:
    return {"configMap": {"name": "tickets", "key": f"{name}.csv"}}


def tickets(namespace: str) -> Mapping[str, Any]:
    csv = "id,subject,body\n1,Help,I was charged twice\n"
    data = {f"database-{number}.csv": csv for number in range(OWN_DATABASES)}
    return within(namespace, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tickets"}, "data": data})


def secret(name: str, url: str) -> Mapping[str, Any]:
    metadata = {"name": name, "labels": {"nightsort.dev/allow": "true"}}
    return within("default", {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"url": url}})


def key(name: str) -> Mapping[str, Any]:
    return {"credentials": {"secretRef": {"name": name, "key": "api-key"}}}


def within(namespace: str, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


@dataclass(frozen=True)
class Asked:
    """What the operator has done: looks at resources, by its metrics, and requests, by the audit log."""

    looks: float
    requests: Counter[str]

    @classmethod
    def by_now(cls, port: int, audit: Audit, seconds: float) -> Asked:
        """After so many seconds more."""
        begun = time.monotonic()
        eventually(lambda: time.monotonic() - begun >= seconds, seconds + 5, every=0.5)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        looks = sum(float(line.split()[-1]) for line in lines if line.startswith("nightsort_look_duration_seconds_cou"))
        asked = audit.asked("default", "operator")
        return cls(looks, Counter(f"{right.verb} {right.resource}" for right in asked))


def test_a_stalled_resource_costs_a_look_a_minute_and_no_list_of_its_own(
    counted: ControlPlane, audit: Audit, quick_api: SimulatedApi, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    config = str(counted.kubeconfig_of("default", "operator"))
    counted.kubectl("apply", "--server-side", "-f", "-", input=yaml.safe_dump_all(stalled()))
    flags = ("--liveness-port", str(port))
    log = tmp_path / "operator.log"
    with start_operator(counted, quick_api.url, log, *flags, KUBECONFIG=config, NIGHTSORT_ANTHROPIC_API_KEY="own"):
        began = Asked.by_now(port, audit, BEGINNING)
        later = Asked.by_now(port, audit, SECONDS - BEGINNING)
    since = Asked(later.looks - began.looks, later.requests - began.requests)

    assert began.looks >= RESOURCES, began
    assert later.looks <= RESOURCES * (1 + math.ceil(SECONDS / 60)), later
    assert began.requests.total() <= RESOURCES * OF_ITS_BEGINNING, began
    assert began.requests["list classificationbatches"] <= 2 * NAMESPACES, began
    assert since.requests["list classificationbatches"] <= SECONDS / OWN_QUESTION + 1, since
    assert since.requests["get secrets"] <= since.looks, since
    assert since.requests.total() <= since.looks * 2 + SECONDS / OWN_QUESTION + 1, since
