"""The chart as a person with `helm` meets it: rendered, or as a release on a real control plane."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.controlplane.plane import TOP, ControlPlane, program

CHART = TOP / "charts" / "nightsort"
CRD_NAME = "classificationbatches.nightsort.dev"
CRD_NAMES = (CRD_NAME, "categorysets.nightsort.dev")
Document = dict[str, Any]


class HelmFailed(Exception):
    """helm ended with an error; the message is what it printed."""


def helm(*arguments: str | Path, values: Mapping[str, Any] | None = None, home: Path | None = None) -> str:
    """What `helm ARGUMENTS` prints; `values` are handed to it as a file.

    Raises:
        HelmFailed: it failed.
    """
    command = [str(program("helm")), *map(str, arguments), *(["--values", "-"] if values is not None else [])]
    ended = subprocess.run(
        command,
        input=None if values is None else yaml.safe_dump(dict(values)),
        env={
            **os.environ,
            "HELM_CACHE_HOME": str(home or "/nonexistent"),
            "HELM_CONFIG_HOME": str(home or "/nonexistent"),
        },
        text=True,
        capture_output=True,
        check=False,
    )
    if ended.returncode != 0:
        raise HelmFailed(ended.stderr.strip() + ended.stdout)
    return ended.stdout


def render(values: Mapping[str, Any] | None = None, *flags: str, chart: Path = CHART) -> list[Document]:
    """All documents of the chart under the release name `nightsort` in the namespace `nightsort`."""
    text = helm("template", "nightsort", chart, "--namespace", "nightsort", *flags, values=values or {})
    return [document for document in yaml.safe_load_all(text) if document]


def one(documents: list[Document], kind: str, name: str = "nightsort") -> Document:
    [found] = [each for each in documents if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def columns(plane: ControlPlane) -> list[str]:
    """What `kubectl get cb` shows, as the cluster's CRD has it."""
    path = "jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}"
    return plane.kubectl("get", "crd", CRD_NAME, "-o", path).split()


def with_another_crd(folder: Path) -> Path:
    """The chart of a later version, whose CRD shows one thing more, and gives every resource a field more."""
    chart = folder / "nightsort"
    shutil.copytree(CHART, chart)
    crd = yaml.safe_load((chart / "files" / "classificationbatches.yaml").read_text())
    grown(crd)
    (chart / "files" / "classificationbatches.yaml").write_text(yaml.safe_dump(crd))
    return chart


def grown(crd: Document) -> None:
    """Makes a CRD that of a later version."""
    version = crd["spec"]["versions"][0]
    version["additionalPrinterColumns"].append({"name": "Shards", "type": "string", "jsonPath": ".status.cursor"})
    fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    fields["priority"] = {"type": "string", "default": "Normal"}


@dataclass(frozen=True)
class Release:
    """The release `nightsort` in a namespace of its own."""

    plane: ControlPlane
    namespace: str

    def helm(self, *arguments: str | Path, values: Mapping[str, Any] | None = None) -> str:
        where = ("--kubeconfig", self.plane.kubeconfig, "--namespace", self.namespace)
        return helm(*arguments, *where, values=values, home=self.plane.directory / "helm")

    def install(self, *flags: str, chart: Path = CHART, **values: Any) -> str:
        return self.helm("install", "nightsort", chart, "--create-namespace", *flags, values=values)

    def upgrade(self, *flags: str, chart: Path = CHART, **values: Any) -> str:
        return self.helm("upgrade", "nightsort", chart, *flags, values=values)

    def manifest(self) -> list[Document]:
        text = self.helm("get", "manifest", "nightsort")
        return [document for document in yaml.safe_load_all(text) if document]
