"""A machine within this machine: namespaces of its own for processes, mounts and network, and one wire to the outside.

Whatever runs in it, however it goes astray, ends with its first process, and its mounts, interfaces and routes with it:
the kernel sees to that even when the tests are killed. Needs root.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cluster.controlplane.plane import program
from tests.support.processes import Server
from tests.support.waiting import eventually

PROGRAMS = ("unshare", "nsenter", "ip", "mount")
SPACES = ("--mount", "--net", "--pid", "--ipc", "--uts")
FIXED = (Path("/var/lib/cni"), Path("/var/lib/kubelet"))
"""Where the network plugins' library and the kubelet keep something whatever they are told."""

BRIDGE = "pods"
DISK = "disk"
"""The folder in the machine's own for what is large."""
ENOUGH_BYTES = 8 << 30
"""With so much memory free, the disk is in memory: images are then unpacked in seconds on a busy machine, too."""

# What programs write at fixed places stays inside, in memory. Then the first process, which buries the orphans.
FIRST = """
for place in {places}; do mount -t tmpfs -o mode=755 machine $place || exit; done
ip link set lo up
exec {pause}
"""


class Machine:
    """From `start` to `stop`, or as a context manager.

    directory: private to it, with a short path: sockets are made in it.
    address: this host's, as the machine and its pods reach it; own_address: the machine's; network: both, and the pods.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.wire = f"night{os.getpid()}"  # interfaces have 15 characters
        self.running: list[Server] = []
        self.made: list[Path] = []
        self.network = self.address = self.own_address = ""
        self.pid = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Boot it and lay the wire.

        Raises:
            DidNotStart: with what was said. CalledProcessError: a step failed.
        """
        for place in FIXED:
            if not place.exists():
                place.mkdir()
                self.made.append(place)
        (self.directory / DISK).mkdir()
        places = ["/run", "/var/log", *map(str, FIXED)]
        if available_bytes() > ENOUGH_BYTES:
            places.append(str(self.directory / DISK))
        first = FIRST.format(places=" ".join(places), pause=program("pause"))
        command = [found("unshare"), *SPACES, "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", first]
        try:
            boot = Server.start(command, self.directory / "machine.log")
            self.running.append(boot)
            boot.wait_until(lambda: any(is_running("pause", pid) for pid in children(boot.pid)))
            [self.pid] = children(boot.pid)
            self.lay_wire(free_network())
        except BaseException:
            self.stop()
            raise

    def lay_wire(self, prefix: str) -> None:
        """From here to a bridge in the machine, to which its pods are joined: they are all neighbours."""
        self.network, self.address, self.own_address = f"{prefix}.0/24", f"{prefix}.1", f"{prefix}.2"
        run("ip", "link", "add", self.wire, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid))
        run("ip", "address", "add", f"{self.address}/24", "dev", self.wire)
        run("ip", "link", "set", self.wire, "up")
        self.run("ip", "link", "add", BRIDGE, "type", "bridge")
        self.run("ip", "link", "set", "eth0", "master", BRIDGE, "up")
        self.run("ip", "address", "add", f"{self.own_address}/24", "dev", BRIDGE)
        self.run("ip", "link", "set", BRIDGE, "up")

    def inside(self, *command: str | Path) -> list[str]:
        """The command line that runs it in the machine."""
        return [found("nsenter"), f"--target={self.pid}", *SPACES, *map(str, command)]

    def run(self, *command: str | Path) -> str:
        return run(*self.inside(*command))

    def launch(self, *command: str | Path) -> Server:
        """Start a server in it."""
        log = self.directory / f"{Path(command[0]).name}.log"
        self.running.append(Server.start(self.inside(*command), log))
        return self.running[-1]

    def stop(self) -> None:
        """End all that is in it, at once; safe to call twice."""
        for server in self.running:  # the first of them is the machine, and the others end with it
            server.stop(signal.SIGKILL)
        self.running.clear()
        while self.made:
            eventually(partial(removed, self.made.pop()))  # busy until the kernel has taken the machine's mounts away


def found(name: str) -> str:
    """Where a program of the system is, which an account's PATH may not say.

    Raises:
        FileNotFoundError: not installed.
    """
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        raise FileNotFoundError(name)
    return path


def run(*command: str | Path) -> str:
    """What a command prints.

    Raises:
        CalledProcessError: it failed; a note says what it printed.
    """
    name, *arguments = map(str, command)
    ended = subprocess.run([found(name), *arguments], text=True, capture_output=True, check=False)
    if ended.returncode:
        error = subprocess.CalledProcessError(ended.returncode, command)
        error.add_note(ended.stderr)
        raise error
    return ended.stdout


def children(pid: int) -> list[int]:
    """Of a process; none of one that has ended."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def is_running(name: str, pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip() == name
    return False


def free_network() -> str:
    """The first three numbers of a network to which no route leads, of those for tests of devices (RFC 2544)."""
    prefixes = (f"198.{18 + number // 256}.{number % 256}" for number in range(os.getpid() % 512, 512))
    return next(prefix for prefix in prefixes if not run("ip", "-4", "route", "show", "root", f"{prefix}.0/24"))


def can_start() -> bool:
    """Whether this account, root perhaps only of a container, may make the namespaces."""
    try:
        run("unshare", *SPACES, "--fork", "--mount-proc", "/bin/true")
    except subprocess.CalledProcessError:
        return False
    return True


def available_bytes() -> int:
    """Memory that can be used without pushing anything out."""
    [line] = [line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable:")]
    return int(line.split()[1]) * 1024


def removed(directory: Path) -> bool:
    """Whether it is no more, or is somebody else's by now; not yet, as long as the kernel is busy with it."""
    try:
        directory.rmdir()
    except OSError as error:
        return error.errno != errno.EBUSY
    return True
