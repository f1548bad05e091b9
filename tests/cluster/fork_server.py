"""Operators and commands that start in tenths of a second: forks of one process that has imported everything before.

A fork is a process like any other: it runs the command from its arguments on, and `kill -9` is what it is elsewhere.
Without it the imports, about four seconds, would be most of what a test of many kills does.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nightsort
from tests.support.waiting import eventually

TOP = Path(__file__).parents[2]
PR_SET_PDEATHSIG = 1


class Fork:
    """One operator, or one command."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid = pid
        self.log = log

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """`kill -9`, and no return before it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        eventually(lambda: not self.alive, seconds=10, every=0.005)


class ForkServer:
    """The process that forks; it ends with this one, and its forks with it."""

    def __init__(self, kubeconfig: Path | None = None) -> None:
        command = [sys.executable, "-m", "tests.cluster.fork_server"]
        environment = dict(os.environ)
        if kubeconfig is not None:
            environment["KUBECONFIG"] = str(kubeconfig)  # the client library reads it when it is imported
        self._process = subprocess.Popen(
            command, cwd=TOP, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Fork:
        """Runs `nightsort` with these arguments."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wanted = {"arguments": list(arguments), "environment": dict(environment), "log": str(log)}
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return Fork(int(self._process.stdout.readline()), log)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def serve() -> None:
    """Forks for each line on standard input, until that ends."""
    for module in pkgutil.walk_packages(nightsort.__path__, "nightsort."):
        importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, bury)
    for line in sys.stdin:
        wanted = json.loads(line)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            live(wanted, parent)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def bury(*_: Any) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def live(wanted: Mapping[str, Any], parent: int) -> None:
    """The fork's life. It never returns."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        assert os.getppid() == parent, "the parent has gone"
        log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, target in enumerate((nothing, log, log)):
            os.dup2(target, number)
        os.environ.update(wanted["environment"])
        sys.argv = ["nightsort", *wanted["arguments"]]
        from nightsort.__main__ import main

        main()
        code = 0
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
