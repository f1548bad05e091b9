"""The demo of the README, as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.cluster.controlplane.plane import TOP
from tests.support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]


def running_below(folder: Path) -> list[str]:
    """Processes that work in the folder, deleted as it may be, or are called with a path of it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, or is another account's
            directory = str((process / "cwd").readlink())
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if directory.startswith(f"{folder}/") or f"{folder}/" in command:
                found.append(f"{process.name} in {directory}: {command}")
    return found


SERVERS = ("etcd", "kube-apiserver", "nightsort simulate", "nightsort operator")


def all_run(folder: Path) -> bool:
    running = running_below(folder)
    return all(any(server in each for each in running) for server in SERVERS)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked for in /proc")
def test_the_demo_labels_300_tickets_and_leaves_nothing_running(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.demo.run"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=TOP, stdout=PIPE, stderr=PIPE, text=True, env=environment) as demo:
        try:
            seen = eventually(lambda: all_run(tmp_path) or demo.poll() is not None, seconds=120) and demo.poll() is None
            out, errors = demo.communicate(timeout=200)
        finally:
            demo.terminate()
    assert demo.returncode == 0, out + errors
    assert seen, "who cannot be seen while running cannot be missed at the end"
    for word in ("Submitting", "Processing", "Complete", "cost $", "saved $"):
        assert word in out
    assert out.count('"verdict":"Labeled"') == 3
    eventually(lambda: not running_below(tmp_path), seconds=10)
    assert list(tmp_path.iterdir()) == []
