"""Tests that share servers run on one worker, whatever their number."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.workers import group

TOP = Path(__file__).parents[2]


def test_all_tests_of_the_control_plane_run_on_one_worker() -> None:
    assert group("tests/cluster/test_crd.py::test_a") == group("tests/cluster/test_chart.py::test_b[1::2]")
    assert group("tests/unit/test_a.py::test_a") != group("tests/unit/test_b.py::test_a")


def test_a_file_stays_on_one_worker_also_when_it_is_not_the_longest(tmp_path: Path) -> None:
    """pytest-xdist hands tests out one by one unless it is told otherwise."""
    for name in ("test_a", "test_b", "test_c"):
        (tmp_path / f"{name}.py").write_text(
            "import os\nimport pytest\n\n\n@pytest.mark.parametrize('_', range(4))\n"
            "def test_it(_):\n    with open(__file__ + '.workers', 'a') as written:\n"
            "        written.write(os.environ['PYTEST_XDIST_WORKER'] + '\\n')\n"
        )
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "tests.support.workers", "-p", "no:cacheprovider"]

    ended = subprocess.run(
        command, cwd=tmp_path, env={**kept, "PYTHONPATH": str(TOP)}, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout
    for name in ("test_a", "test_b", "test_c"):
        ran_on = (tmp_path / f"{name}.py.workers").read_text().split()
        assert len(ran_on) == 4
        assert len(set(ran_on)) == 1
