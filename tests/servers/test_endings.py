"""Whatever a test starts is ended however it leaves, and a machine that lacks a part hears which."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.parts import left_out
from tests.support.processes import DidNotStart, Server

TOP = Path(__file__).parents[2]
HEAD = """
import pathlib, sys
import pytest
from tests.support.parts import need
from tests.support.processes import Server
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def tried(folder: Path, code: str, **environment: str) -> tuple[int, str]:
    """How a run of pytest on these tests ends, and what it prints."""
    (folder / "test_it.py").write_text(HEAD + textwrap.dedent(code))
    (folder / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    )
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_CURRENT_TEST")}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "tests.support.endings", "-p", "no:cacheprovider", "test_it.py"],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(TOP), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("leaving", ["pytest.skip('for want of a program')", "raise ValueError('a fault')"])
def test_a_server_in_a_block_is_ended_by_a_fixture_that_leaves_early(tmp_path: Path, leaving: str) -> None:
    code, told = tried(
        tmp_path,
        f"""
        @pytest.fixture
        def served(tmp_path):
            with Server.start(SLEEPER, pathlib.Path({str(tmp_path)!r}) / "log") as server:
                pathlib.Path({str(tmp_path)!r}, "pid").write_text(str(server.pid))
                {leaving}
                yield

        def test_it(served): ...
        """,
    )

    assert code == int("raise" in leaving), told
    assert "left running" not in told
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_a_forgotten_server_is_ended_and_fails_the_run_by_name(tmp_path: Path) -> None:
    code, told = tried(
        tmp_path,
        f"""
        @pytest.fixture
        def served(tmp_path):
            server = Server.start(SLEEPER, pathlib.Path({str(tmp_path)!r}) / "log")
            pathlib.Path({str(tmp_path)!r}, "pid").write_text(str(server.pid))
            pytest.skip("for want of a program")

        def test_one(served): ...
        def test_another(): ...
        """,
    )

    assert code == 1
    assert "servers were left running: " in told
    assert "started by test_it.py::test_one (setup)" in told
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_a_server_that_is_not_ready_is_ended_before_that_is_said(tmp_path: Path) -> None:
    server = Server.start([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log")

    with pytest.raises(DidNotStart, match="not ready after 0"):
        server.wait_until(lambda: False, seconds=0)

    assert not is_running(server.pid)


ASKS = """
def test_it():
    need("no-such-server")
"""


def test_what_is_missing_is_said_last_with_the_command_that_brings_it(tmp_path: Path) -> None:
    code, told = tried(tmp_path, ASKS)

    assert code == 0
    assert told.splitlines()[-2:] == [
        "1 test left out for want of no-such-server",
        "`make test-deps` installs what is missing",
    ]


def test_in_ci_a_missing_part_is_a_failure_and_pytest_has_the_last_word(tmp_path: Path) -> None:
    code, told = tried(tmp_path, ASKS, CI="true")

    assert code == 1
    assert "Failed: left out for want of no-such-server" in told
    assert "1 failed" in told.splitlines()[-1]


def test_tests_are_counted_by_what_they_lack_and_other_skips_are_not_of_this_kind() -> None:
    reasons = ["Skipped: left out for want of mariadbd"] * 2 + ["Skipped: left out for want of root", "Linux only"]

    assert left_out(reasons) == [
        "2 tests left out for want of mariadbd",
        "1 test left out for want of root",
        "`make test-deps` installs what is missing",
    ]
    assert left_out(["Linux only"]) == []
    assert left_out(["Skipped: left out for want of root"]) == ["1 test left out for want of root"]
