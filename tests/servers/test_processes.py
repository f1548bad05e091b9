"""Servers that tests start end with them, whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import DidNotStart, Server
from tests.support.waiting import eventually

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    start = (
        "import pathlib, sys; from tests.support.processes import Server; "
        f"print(Server.start({SLEEPER!r}, pathlib.Path({str(tmp_path / 'log')!r})).pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        child = Path("/proc") / parent.stdout.readline().strip()
        eventually(lambda: "here" in (tmp_path / "log").read_text())
        parent.kill()

    # A child that has died stays listed as a zombie where nobody in the container collects it.
    eventually(lambda: not child.exists() or ") Z " in (child / "stat").read_text())


def test_a_server_that_ends_early_is_not_waited_for_and_shows_its_log(tmp_path: Path) -> None:
    server = Server.start([sys.executable, "-c", "raise SystemExit('no licence')"], tmp_path / "log")

    with pytest.raises(DidNotStart, match=r"(?s)ended with code 1.*no licence"):
        server.wait_until(lambda: False)


def test_a_server_hears_ctrl_c_though_the_tests_run_in_the_background(tmp_path: Path) -> None:
    """A shell starts what runs in the background with this signal ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Server.start(SLEEPER, tmp_path / "log") as server:
            server.wait_until(lambda: "here" in server.tail())
            server.stop(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert server.process.returncode == -signal.SIGINT


def test_a_server_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('here', flush=True); time.sleep(60)"
    server = Server.start([sys.executable, "-c", deaf], tmp_path / "log")
    server.wait_until(lambda: "here" in server.tail())

    server.stop(seconds=0.2)

    assert server.process.returncode == -9
