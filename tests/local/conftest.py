"""A shell for each test; the simulated API behind it forgets everything in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.bench import SimulatedApi
from tests.local.measuring import Measuring
from tests.local.office import Office
from tests.local.shell import Shell


@pytest.fixture(scope="session")
def quick_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedApi]:
    """Its batches end at once."""
    with SimulatedApi(tmp_path_factory.mktemp("quick"), seconds=0) as api:
        yield api


@pytest.fixture(scope="session")
def patient_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedApi]:
    """Its batches last until a test ends them."""
    with SimulatedApi(tmp_path_factory.mktemp("patient"), seconds=600) as api:
        yield api


@pytest.fixture
def shell(tmp_path: Path, quick_api: SimulatedApi) -> Shell:
    quick_api.ask("reset", {})
    return Shell(tmp_path, quick_api)


@pytest.fixture
def patient_desk(tmp_path: Path, patient_api: SimulatedApi) -> Shell:
    patient_api.ask("reset", {})
    return Shell(tmp_path, patient_api)


@pytest.fixture
def office(tmp_path: Path, quick_api: SimulatedApi) -> Office:
    quick_api.ask("reset", {})
    return Office(tmp_path, quick_api)


@pytest.fixture
def patient_office(tmp_path: Path, patient_api: SimulatedApi) -> Office:
    patient_api.ask("reset", {})
    return Office(tmp_path, patient_api)


@pytest.fixture
def measuring(tmp_path: Path, quick_api: SimulatedApi) -> Measuring:
    quick_api.ask("reset", {})
    return Measuring(tmp_path, quick_api)
