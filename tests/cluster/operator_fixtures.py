"""One operator and one simulated API for the cluster tests of a session; each test has a namespace of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.bench import SimulatedApi, User, start_operator
from tests.cluster.controlplane.plane import ControlPlane


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedApi]:
    """A simulated API whose batches take one second."""
    with SimulatedApi(tmp_path_factory.mktemp("simulator"), seconds=1) as api:
        yield api


@pytest.fixture(scope="session")
def operator(plane: ControlPlane, api: SimulatedApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    with start_operator(
        plane,
        api.url,
        log,
        NIGHTSORT_ANTHROPIC_API_KEY="session",
        NIGHTSORT_DATABASE_HOSTS="*,127.0.0.1,localhost",
        NIGHTSORT_OBJECT_STORE_ENDPOINTS="127.0.0.1",
    ):
        yield
    assert "Traceback" not in log.read_text(), log.read_text()[-5000:]


@pytest.fixture
def user(plane: ControlPlane, namespace: str, operator: None) -> User:
    return User(plane, namespace)
