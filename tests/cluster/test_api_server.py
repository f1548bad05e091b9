"""How the operator and the commands go to the Kubernetes API server: directly, and under their own names."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.bench import NIGHTSORT, SimulatedApi, User, batch, inline, start_operator
from tests.support.processes import free_ports

pytestmark = pytest.mark.cluster


def proxies(**urls: str) -> dict[str, Any]:
    """The environment's proxies by scheme, in both cases, since programs differ in which one goes first."""
    said = {f"{scheme}_proxy": url for scheme, url in urls.items()} | {"no_proxy": ""}
    return said | {name.upper(): value for name, value in said.items()}


def test_the_way_to_the_batches_api_is_through_the_proxy_and_that_to_the_api_server_is_not(
    isolated_user: User, quick_api: SimulatedApi, tmp_path: Path
) -> None:
    """The simulator is the proxy for http, where a host that does not exist is asked; nobody is there for https."""
    [nobody] = free_ports(1)
    with start_operator(
        isolated_user.plane,
        "http://anthropic.invalid",
        tmp_path / "operator.log",
        "--namespace",
        isolated_user.namespace,
        NIGHTSORT_ANTHROPIC_API_KEY="proxied",
        NIGHTSORT_LEASE=f"{isolated_user.namespace}/nightsort",
        **proxies(https=f"http://127.0.0.1:{nobody}", http=quick_api.url),
    ):
        isolated_user.apply(batch("proxied", inline("charged twice")))
        assert isolated_user.finished("proxied")["status"]["phase"] == "Complete"


def managers(user: User, kind: str, name: str) -> set[str]:
    """Who wrote something of it."""
    fields = json.loads(user.kubectl("get", kind, name, "-o", "json", "--show-managed-fields"))["metadata"]
    return {entry["manager"] for entry in fields["managedFields"]}


def test_what_the_operator_and_the_commands_write_is_theirs_by_name(user: User, tmp_path: Path) -> None:
    def command(*arguments: str) -> None:
        environment = {**os.environ, "KUBECONFIG": str(user.plane.kubeconfig)}
        subprocess.run([*NIGHTSORT, *arguments, "-n", user.namespace], env=environment, check=True, capture_output=True)

    (tmp_path / "night.yaml").write_text(yaml.safe_dump(batch("night", inline("Refund my invoice"), suspend=True)))
    command("create", "--from", str(tmp_path / "night.yaml"))
    user.told("night", lambda status: bool(status.get("conditions")))
    assert "finalizers" in user.get("night")["metadata"], "which kopf writes"
    assert managers(user, "cb", "night") == {"kubectl-nightsort", "nightsort"}

    command("resume", "night")
    user.finished("night")

    assert managers(user, "cb", "night") == {"kubectl-nightsort", "nightsort"}
    assert managers(user, "configmap", "night-results") == {"nightsort"}
