"""The end of a test run: nothing is left running, and what was left out is said."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.support.parts import left_out
from tests.support.processes import Server

LINES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Being the first fixture of a session, it ends after all others: whatever still runs then was forgotten."""
    yield
    left = [server for server in Server.running if server.process.poll() is None]
    forgotten = sorted(f"{server.name}, started by {server.started_by}" for server in left)
    for server in left:
        server.stop()
    assert not forgotten, "servers were left running: " + "; ".join(forgotten)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    terminalreporter.config.stash[LINES] = left_out(reasons)


def pytest_unconfigure(config: pytest.Config) -> None:
    """After pytest's own closing line, where it is read."""
    sys.stdout.writelines(f"{line}\n" for line in config.stash.get(LINES, ()))
