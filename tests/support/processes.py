"""Real servers as children of a test or demo: on free loopback ports, ended with their block or their parent."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

# Runs between fork and exec: the kernel ends the child when its parent is killed and cannot clean up. A small program
# rather than preexec_fn, which Python 3.12 warns about in a process with threads. Linux only; no effect elsewhere.
# It changes the account itself, last of all: another account may not be able to read this Python.
DIE_WITH_PARENT = """
import ctypes, os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell lets what it starts in the background ignore it
parent, death, user, group, *command = sys.argv[1:]
if user:
    os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(death))
    if os.getppid() != int(parent):
        sys.exit("the parent has gone")
os.execv(command[0], command)
"""


class DidNotStart(Exception):
    """A server ended or stayed silent; the message ends with the tail of its log."""


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Server:
    """A child process with its output in a log file; as a context manager it ends with the block.

    started_by: the test whose set-up or call started it, as pytest names it; empty outside of pytest.
    """

    running: ClassVar[set[Server]] = set()
    """Those that nobody has stopped. Held here, so that a forgotten one can be named at the end of all tests."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log
        self.started_by = os.environ.get("PYTEST_CURRENT_TEST", "")
        self.running.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @classmethod
    def start(
        cls,
        command: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        account: pwd.struct_passwd | None = None,
        death: signal.Signals = signal.SIGKILL,
    ) -> Self:
        """Start `command`, as `account` where one is given (needs root).

        `death` is what the kernel sends when the thread that called this ends: call it from the main thread.
        """
        arguments = [str(part) for part in command]
        who = [str(account.pw_uid), str(account.pw_gid)] if account else ["", ""]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    DIE_WITH_PARENT,
                    str(os.getpid()),
                    str(int(death)),
                    *who,
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=log.parent,
                start_new_session=True,  # Ctrl-C reaches the test, which then stops its servers in order
            )
        return cls(Path(arguments[0]).name, process, log)

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Poll until `ready`; a server that ends meanwhile is not waited for. One that is not ready is ended.

        Raises:
            DidNotStart: it ended, or was not ready in time.
        """
        deadline = time.monotonic() + seconds
        try:
            while not ready():
                if self.process.poll() is not None:
                    raise DidNotStart(f"{self.name} ended with code {self.process.returncode}:\n{self.tail()}")
                if time.monotonic() > deadline:
                    raise DidNotStart(f"{self.name} was not ready after {seconds:g} s:\n{self.tail()}")
                time.sleep(0.05)
        except BaseException:
            self.stop()  # whoever waits has no block around it yet
            raise

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 30) -> None:
        """End the process: ask with `how`, insist with SIGKILL. Nothing happens when it has ended already."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.running.discard(self)

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
