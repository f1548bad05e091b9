"""One real control plane for all tests marked `cluster`, wherever they stand, and a namespace for each."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest

from tests.cluster.controlplane.plane import TOP, ControlPlane

CRDS = TOP / "crds"
numbers = itertools.count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The real API server with Nightsort's CRD, etcd and the controller-manager."""
    crds = CRDS if any(CRDS.glob("*.yaml")) else None
    with ControlPlane(tmp_path_factory.mktemp("plane"), crds=crds) as plane:
        yield plane


@pytest.fixture
def namespace(plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, named after it."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    name = f"t{next(numbers)}-{words}"[:40].rstrip("-")
    plane.kubectl("create", "namespace", name)
    yield name
    plane.kubectl("delete", "namespace", name, "--wait=false")
