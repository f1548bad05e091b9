"""The kind and the namespaces come and go: the operator works on what there is, and says what it waits for."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bench import SimulatedApi, User, batch, condition, inline, start_operator
from tests.cluster.controlplane.plane import TOP, ControlPlane
from tests.cluster.helm import CRD_NAME, CRD_NAMES, Release, one
from tests.support.processes import Server, free_ports
from tests.support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

TEAMS = ("team-a", "team-b")
LEFT_OUT_SECONDS = 120
"""Forty, on a machine that does nothing else."""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of its own, since these tests take its CRD away; it comes without."""
    with ControlPlane(tmp_path_factory.mktemp("bare")) as plane:
        yield plane


class Operator:
    """The operator, started over and over; its log goes on."""

    def __init__(self, plane: ControlPlane, api: SimulatedApi, log: Path, **environment: str) -> None:
        (self._port,) = free_ports(1)
        self._plane, self._api, self.log = plane, api, log
        self._environment = environment | {"NIGHTSORT_LIVENESS_PORT": str(self._port)}
        self.server: Server | None = None

    def start(self, says: str) -> Server:
        read = len(self.said())
        self.server = start_operator(
            self._plane, self._api.url, self.log, ready=lambda: says in self.said()[read:], **self._environment
        )
        return self.server

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def page(self, name: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{name}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def value(self, metric: str) -> float:
        [value] = [line.split()[1] for line in self.page("metrics").splitlines() if line.startswith(f"{metric} ")]
        return float(value)


@pytest.fixture
def operator(bare: ControlPlane, api: SimulatedApi, tmp_path: Path) -> Iterator[Operator]:
    operator = Operator(bare, api, tmp_path / "operator.log", NIGHTSORT_ANTHROPIC_API_KEY="scopes")
    yield operator
    operator.stop()


def completes(user: User, name: str) -> bool:
    user.apply(batch(name, inline("Refund my invoice")))
    return condition(user.finished(name, seconds=90)["status"], "Complete") == "True"


def test_the_crd_may_come_after_the_operator_and_go_and_come_back(bare: ControlPlane, operator: Operator) -> None:
    user = User(bare, "default")
    first = operator.start("nothing can be worked on yet: the API server does not serve classificationbatches")
    assert operator.page("healthz") == "alive", "a restart would not help"
    assert operator.value("nightsort_leader") == 0, "which NightsortNoLeader tells"

    bare.apply_crds(TOP / "crds")
    assert completes(user, "first")
    assert operator.value("nightsort_leader") == 1

    bare.delete_crds(CRD_NAME)
    assert first.process.wait(90) != 0, "a pod is started again"
    assert operator.said().splitlines()[-1].startswith("the API server does not serve classificationbatches")

    second = operator.start("nothing can be worked on yet")
    bare.apply_crds(TOP / "crds")
    assert completes(user, "second")
    assert second.process.poll() is None
    assert "Traceback" not in operator.said()
    bare.delete_crds(*CRD_NAMES)


@pytest.fixture
def release(bare: ControlPlane) -> Iterator[Release]:
    """A release that watches the namespaces of two teams, and may see nothing else."""
    for namespace in ("nightsort", *TEAMS):
        bare.kubectl("create", "namespace", namespace)
    release = Release(bare, "nightsort")
    release.install(watchNamespaces=list(TEAMS))
    bare.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{CRD_NAME}")
    yield release
    release.helm("uninstall", "nightsort")
    bare.delete_crds(*CRD_NAMES)
    bare.kubectl("delete", "namespace", "nightsort", *TEAMS, "--ignore-not-found", "--timeout=60s")


@pytest.fixture
def of_two_teams(release: Release, api: SimulatedApi, tmp_path: Path) -> Iterator[Operator]:
    """The operator as a process with the variables and the token of the release's pod."""
    [container] = one(release.manifest(), "Deployment")["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    variables |= {
        "KUBECONFIG": str(release.plane.kubeconfig_of(release.namespace, "nightsort")),
        "NIGHTSORT_ANTHROPIC_API_KEY": "scopes",
    }
    operator = Operator(release.plane, api, tmp_path / "operator.log", **variables)
    yield operator
    operator.stop()
    assert "Traceback" not in operator.said()


def left_out(operator: Operator, namespaces: int) -> bool:
    return operator.value("nightsort_unreachable_namespaces") == namespaces


def test_a_team_that_deletes_its_namespace_stops_no_other(
    bare: ControlPlane, release: Release, of_two_teams: Operator
) -> None:
    ours, theirs = (User(bare, team) for team in TEAMS)
    of_two_teams.start("watching team-a, team-b")
    assert completes(theirs, "before")

    bare.kubectl("delete", "namespace", theirs.namespace, "--timeout=60s")
    of_two_teams.stop()
    second = of_two_teams.start("watching team-a;")
    assert completes(ours, "without-them")
    assert left_out(of_two_teams, 1)
    assert "namespace team-b is not worked on" in of_two_teams.said()

    bare.kubectl("create", "namespace", theirs.namespace)
    release.upgrade("--reuse-values", "--force-conflicts")
    assert completes(theirs, "back-again")
    assert second.process.poll() is None, "nothing was started anew for it"


def test_a_role_that_is_taken_away_closes_one_namespace_while_the_others_are_worked_on(
    bare: ControlPlane, of_two_teams: Operator
) -> None:
    """All watches are cut, too, so that kopf meets the refusal itself: left alone, it would end the process."""
    ours, theirs = (User(bare, team) for team in TEAMS)
    running = of_two_teams.start("watching team-a, team-b")
    binding: Any = json.loads(theirs.kubectl("get", "rolebinding", "nightsort", "-o", "json"))

    theirs.kubectl("delete", "rolebinding", "nightsort")
    bare.stop_api_server()
    bare.start_api_server()
    eventually(lambda: left_out(of_two_teams, 1), LEFT_OUT_SECONDS)
    assert completes(ours, "meanwhile")

    del binding["metadata"]["resourceVersion"], binding["metadata"]["uid"]
    theirs.apply(binding)
    eventually(lambda: left_out(of_two_teams, 0), LEFT_OUT_SECONDS)
    assert completes(theirs, "afterwards")
    assert running.process.poll() is None
