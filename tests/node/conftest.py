"""One real node for all tests of this folder, and for each test a release of the chart with an API and a table."""

from __future__ import annotations

import itertools
import signal
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cluster.bench import SimulatedApi
from tests.cluster.controlplane.plane import ControlPlane
from tests.cluster.restarts import StatusReader, Table
from tests.node.installation import Installation
from tests.node.machine import Machine
from tests.node.node import Node, parts_missing
from tests.servers import postgres
from tests.support.parts import absent

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    if missing := parts_missing():
        absent(*missing)
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="nightsort-") as directory,
        Machine(Path(directory)) as machine,
    ):
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "*")  # all that is asked is on this machine
        yield machine


@pytest.fixture(scope="session")
def node(machine: Machine) -> Iterator[Node]:
    with ControlPlane(machine.directory / "plane", address=machine.address) as plane:
        node = Node(machine, plane)
        try:
            node.start()
            yield node
        finally:
            node.stop()
            for server in plane.running.values():
                server.stop(signal.SIGKILL)  # to leave in good order takes it 20 s, and its data are of no use any more


@pytest.fixture(scope="session")
def postgres_url(machine: Machine) -> Iterator[str]:
    """A PostgreSQL that pods can reach."""
    with postgres.postgres(machine.address) as url:
        yield url


@pytest.fixture
def held_api(machine: Machine, tmp_path: Path) -> Iterator[SimulatedApi]:
    """A simulated API that pods can reach; its batches end when the test says so."""
    with SimulatedApi(tmp_path, seconds=3600, address=machine.address) as api:
        yield api


@pytest.fixture
def installation(node: Node, held_api: SimulatedApi) -> Iterator[Installation]:
    """A namespace that admits restricted pods only, for a release that the test installs; nothing is left of it."""
    installation = Installation(node, f"night-{next(numbers)}", held_api)
    try:
        installation.prepare()
        yield installation
    finally:
        installation.remove()


@pytest.fixture
def table(postgres_database: str, installation: Installation) -> Iterator[Table]:
    with Table.opened(postgres_database, installation.user) as table:
        yield table


@pytest.fixture
def reader(installation: Installation) -> Iterator[StatusReader]:
    with closing(StatusReader(installation.node.plane, installation.namespace)) as reader:
        yield reader
