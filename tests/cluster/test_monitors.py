"""What the chart makes for Prometheus, as the Prometheus operator's own definitions have it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.charts import ALL_METRICS
from tests.cluster.controlplane.plane import ControlPlane, KubectlFailed
from tests.cluster.helm import Document, render

pytestmark = pytest.mark.cluster

# v0.85.0; where they are from stands in the file.
CRDS = Path(__file__).with_name("prometheus_operator_crds.yaml")
KINDS = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def monitored(plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with those definitions; they are gone at the end."""
    plane.apply_crds(CRDS)
    yield plane
    plane.kubectl("delete", "-f", str(CRDS))


def monitors(metrics: dict[str, Any]) -> list[Document]:
    found = [each for each in render({"metrics": metrics}) if each["kind"] in KINDS]
    assert {each["kind"] for each in found} == KINDS
    return found


@pytest.mark.parametrize(
    "metrics", [{name: {"enabled": True} for name in ALL_METRICS}, ALL_METRICS], ids=["defaults", "all values"]
)
def test_the_prometheus_operator_takes_monitors_and_rules_as_they_are(
    monitored: ControlPlane, namespace: str, metrics: dict[str, Any]
) -> None:
    """Strictly: a field that it does not know is an error, where it would silently be left out otherwise."""
    documents = monitors(metrics)
    for document in documents:
        document["metadata"]["namespace"] = namespace

    monitored.kubectl("create", "--validate=strict", "-f", "-", input=yaml.safe_dump_all(documents))

    kept = yaml.safe_load(monitored.kubectl("get", ",".join(sorted(KINDS)), "-n", namespace, "-o", "yaml"))["items"]
    assert {each["kind"]: each["spec"] for each in kept} == {each["kind"]: each["spec"] for each in documents}


def test_a_field_that_the_prometheus_operator_does_not_know_would_be_told(monitored: ControlPlane) -> None:
    [monitor] = [each for each in monitors(ALL_METRICS) if each["kind"] == "ServiceMonitor"]
    monitor["metadata"]["namespace"] = "default"
    monitor["spec"]["endpoints"][0]["intervall"] = "30s"

    with pytest.raises(KubectlFailed, match="intervall"):
        monitored.kubectl("create", "--validate=strict", "--dry-run=server", "-f", "-", input=yaml.safe_dump(monitor))
