"""Two replicas of the operator that share a Lease, each with a network of its own to the API server."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.cluster.controlplane.plane import ControlPlane
from tests.cluster.fork_server import Fork, ForkServer
from tests.cluster.proxy import Network, network
from tests.cluster.restarts import GRACE_SECONDS
from tests.support.logs import accidents
from tests.support.waiting import eventually

Fault = Literal["killed", "paused", "asked to end", "cut off"]
FAULTS: tuple[Fault, ...] = ("killed", "paused", "asked to end", "cut off")
LEASE = "nightsort"


@dataclass
class Replica:
    """One of the two; started again by the tests, as a Deployment does it."""

    name: str
    fork_server: ForkServer
    network: Network
    arguments: list[str]
    folder: Path
    forks: list[Fork] = field(default_factory=list)

    def start(self) -> None:
        environment = {
            "NIGHTSORT_ANTHROPIC_API_KEY": "simulated",
            "NIGHTSORT_ADOPTION_GRACE_SECONDS": str(GRACE_SECONDS),
            "NIGHTSORT_DATABASE_HOSTS": "*,127.0.0.1,localhost",
        }
        log = self.folder / f"{self.name}-{len(self.forks)}.log"
        self.forks.append(self.fork_server.start(self.arguments, environment, log))

    @property
    def fork(self) -> Fork:
        """The one that was started last."""
        return self.forks[-1]

    def has_led(self) -> bool:
        """Whether the process that was started last has ever got the Lease."""
        return self.fork.log.exists() and " leads" in self.fork.log.read_text()

    def kill(self) -> None:
        self.fork.kill()

    def suffer(self, fault: Fault) -> None:
        match fault:
            case "killed":
                self.kill()
            case "paused":
                os.kill(self.fork.pid, signal.SIGSTOP)
            case "asked to end":
                os.kill(self.fork.pid, signal.SIGTERM)
            case "cut off":
                self.network.parted = True

    def recover(self) -> None:
        """Once another one leads: the old process, if there still is one, ends by itself, and a new one begins."""
        if self.fork.alive:
            os.kill(self.fork.pid, signal.SIGCONT)
        eventually(lambda: not self.fork.alive, seconds=60)
        self.network.parted = False
        self.start()


@dataclass(frozen=True)
class Pair:
    replicas: tuple[Replica, Replica]

    def leader(self) -> Replica:
        """The first one; waited for."""
        found = eventually(lambda: [one for one in self.replicas if one.has_led()], seconds=60)
        return found[0]

    def other(self, replica: Replica) -> Replica:
        first, second = self.replicas
        return second if replica is first else first

    def leaders(self) -> int:
        """How many processes have led so far."""
        return sum(" leads" in log_of(fork) for one in self.replicas for fork in one.forks)

    def logs(self) -> str:
        return "\n".join(f"--- {fork.log.name}\n{log_of(fork)}" for one in self.replicas for fork in one.forks)


def log_of(fork: Fork) -> str:
    return fork.log.read_text() if fork.log.exists() else ""


@contextmanager
def pair(plane: ControlPlane, namespace: str, api_url: str, folder: Path) -> Iterator[Pair]:
    """Both run; nothing is left of them at the end. What they logged must be free of accidents."""
    with ExitStack() as closing:
        replicas = []
        # Both import everything at the same time.
        for name in ("first", "second"):
            between = closing.enter_context(network(plane.url))
            kubeconfig = folder / f"{name}.kubeconfig"
            plane.write_kubeconfig(kubeconfig, plane.token)
            address = between.url.replace("http://", "https://")
            kubeconfig.write_text(kubeconfig.read_text().replace(plane.url, address))
            fork_server = ForkServer(kubeconfig)
            closing.callback(fork_server.close)
            arguments = ["operator", "-n", namespace, "--api-url", api_url, "--lease", f"{namespace}/{LEASE}"]
            replicas.append(Replica(name, fork_server, between, arguments, folder))
        made = Pair((replicas[0], replicas[1]))
        for replica in made.replicas:
            replica.start()
            closing.callback(replica.kill)
        yield made
    assert not accidents(made.logs()), made.logs()[-5000:]
