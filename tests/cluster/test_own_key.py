"""The operator's own key in a file: how chart and manifests mount it, and what one process buys with which key."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightsort.settings import Settings
from tests.cluster.bench import SimulatedApi, User, batch, inline, reason
from tests.cluster.controlplane.plane import TOP, program
from tests.cluster.helm import Document, one, render
from tests.cluster.restarts import Pod

pytestmark = pytest.mark.cluster


def key_of(deployment: Document) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """Where the operator looks for its key, what is mounted there, and of which volume; it is told of no other key."""
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    [path] = [Path(each["value"]) for each in container["env"] if "API_KEY" in each["name"]]
    [mount] = [each for each in container["volumeMounts"] if Path(each["mountPath"]) == path.parent]
    [volume] = [each for each in pod["volumes"] if each["name"] == mount["name"]]
    return path, mount, volume


def test_the_api_key_is_a_file_that_the_kubelet_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    """It renews those of a whole volume, and none that is mounted by its subPath."""
    deployment = one(render({"apiKey": {"existingSecret": "anthropic", "key": "prod.key"}}), "Deployment")
    path, mount, volume = key_of(deployment)

    assert volume["secret"] == {"secretName": "anthropic", "items": [{"key": "prod.key", "path": path.name}]}
    assert mount["readOnly"] is True
    assert "subPath" not in mount
    for each in deployment["spec"]["template"]["spec"]["containers"][0]["env"]:
        monkeypatch.setenv(each["name"], each["value"])
    assert Settings().anthropic_api_key_file == path


def test_without_a_secret_the_pod_has_no_file_for_a_key() -> None:
    pod = one(render(), "Deployment")["spec"]["template"]["spec"]

    assert [each["name"] for each in pod["volumes"]] == ["spool"]
    assert [each["name"] for each in pod["containers"][0]["volumeMounts"]] == ["spool"]


def test_the_component_of_the_plain_manifests_mounts_the_key_as_the_chart_does(tmp_path: Path) -> None:
    [given] = re.findall(r"```yaml\n(resources: .*?)```", (TOP / "docs" / "install.md").read_text(), re.DOTALL)
    shutil.copytree(TOP / "deploy", tmp_path / "nightsort" / "deploy")
    (tmp_path / "kustomization.yaml").write_text(given)

    built = subprocess.run([program("kubectl"), "kustomize", tmp_path], text=True, capture_output=True, check=True)

    deployment = one(list(yaml.safe_load_all(built.stdout)), "Deployment")
    assert key_of(deployment) == key_of(one(render({"apiKey": {"existingSecret": "anthropic"}}), "Deployment"))
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example/nightsort:0.1.0"
    assert {"NIGHTSORT_LEASE", "NIGHTSORT_LIVENESS_PORT"} < {each["name"] for each in container["env"]}


def test_a_key_is_replaced_in_its_file_and_the_running_operator_buys_with_the_new_one(
    pod: Pod, quick_api: SimulatedApi, isolated_user: User, tmp_path: Path
) -> None:
    key = tmp_path / "api-key"
    pod.environment["NIGHTSORT_ANTHROPIC_API_KEY_FILE"] = str(key)
    pod.start()

    for content in ("sk-old\n", "sk-new\n"):
        key.write_text(content)
        isolated_user.apply(batch(content.strip(), inline("Refund my invoice")))
        isolated_user.finished(content.strip())
    key.write_text("")
    isolated_user.apply(batch("none", inline("Refund my invoice")))
    status = isolated_user.told("none", lambda status: reason(status) == "CredentialsMissing")

    assert f"{key}, which NIGHTSORT_ANTHROPIC_API_KEY_FILE names, is empty" in status["message"]
    workspaces = [bought["workspace"] for bought in quick_api.ask("bill")["batches"]]
    assert len(workspaces) == len(set(workspaces)) == 2, "each was bought with the key that was there at the time"
    assert pod.starts == 1
