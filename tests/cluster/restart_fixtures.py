"""A control plane that tests may take away, and what belongs to an operator that they may kill."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cluster.bench import SimulatedApi, User
from tests.cluster.controlplane.plane import ControlPlane
from tests.cluster.fixtures import CRDS, numbers
from tests.cluster.fork_server import ForkServer
from tests.cluster.restarts import Pod, StatusReader, Table
from tests.support.logs import accidents


@pytest.fixture(scope="session")
def breakable_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Not the plane of the other tests: their operator must not see what happens here."""
    with ControlPlane(tmp_path_factory.mktemp("breakable"), crds=CRDS) as plane:
        yield plane
        for server in plane.running.values():
            server.stop(signal.SIGKILL)  # to leave in good order takes it 20 s, and its data are of no use any more


@pytest.fixture(scope="session")
def fork_server(breakable_plane: ControlPlane) -> Iterator[ForkServer]:
    with closing(ForkServer(breakable_plane.kubeconfig)) as fork_server:
        yield fork_server


@pytest.fixture
def quick_api(tmp_path: Path) -> Iterator[SimulatedApi]:
    """A simulated API of the test's own, so that its bill is the test's, too; batches take 0.7 s."""
    with SimulatedApi(tmp_path, seconds=0.7) as api:
        yield api


@pytest.fixture
def isolated_user(breakable_plane: ControlPlane) -> User:
    """A namespace for one test; the pod below works in no other."""
    name = f"isolated-{next(numbers)}"
    breakable_plane.kubectl("create", "namespace", name)
    return User(breakable_plane, name)


@pytest.fixture
def pod(fork_server: ForkServer, isolated_user: User, quick_api: SimulatedApi, tmp_path: Path) -> Iterator[Pod]:
    """The operator, not started yet. What it logged must be free of accidents."""
    pod = Pod(fork_server, isolated_user.plane, isolated_user.namespace, quick_api.url, tmp_path)
    yield pod
    pod.kill()
    assert not accidents(pod.logs()), pod.logs()[-5000:]


@pytest.fixture
def reader(isolated_user: User) -> Iterator[StatusReader]:
    with closing(StatusReader(isolated_user.plane, isolated_user.namespace)) as reader:
        yield reader


@pytest.fixture
def table(postgres_database: str, isolated_user: User) -> Iterator[Table]:
    with Table.opened(postgres_database, isolated_user) as table:
        yield table
