"""The demo: a real Kubernetes API server, a simulated Message Batches API, the operator, and 300 real tickets.

`make demo` runs it. Everything listens on loopback, lives in a temporary directory and is gone at the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from nightsort.api.cost import Cost
from nightsort.api.status import Status
from nightsort.domain.breakdown import breakdown
from tests.cluster.controlplane.plane import ControlPlane, program
from tests.support.processes import Server, free_ports

HERE = Path(__file__).parent
CRDS = HERE.parent.parent / "crds"
NIGHTSORT = [sys.executable, "-m", "nightsort"]
NAME = "tickets-tonight"
LONGEST_SECONDS = 120.0


def main() -> int:
    say("starting etcd and the API server of Kubernetes 1.37.2")
    with (
        tempfile.TemporaryDirectory(prefix="nightsort-demo-") as name,
        ControlPlane(Path(name), crds=CRDS, controller_manager=False) as plane,
        ExitStack() as stopping,
    ):
        (port,) = free_ports(1)
        for server in (start_simulator(Path(name), port), start_operator(Path(name), plane, port)):
            stopping.callback(server.stop)
        return show(plane)


def start_simulator(folder: Path, port: int) -> Server:
    say("starting a simulated Message Batches API whose batches take 6 seconds")
    return Server.start([*NIGHTSORT, "simulate", "--port", str(port), "--seconds", "6"], folder / "simulator.log")


def start_operator(folder: Path, plane: ControlPlane, port: int) -> Server:
    say("starting the operator")
    command = [*NIGHTSORT, "operator", "--namespace", "default", "--api-url", f"http://127.0.0.1:{port}"]
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "NIGHTSORT_ANTHROPIC_API_KEY": "simulated"}
    return Server.start(command, folder / "operator.log", env=environment)


def show(plane: ControlPlane) -> int:
    """Applies the example, follows it, and shows what came out."""
    run(plane, "apply", "-f", str(HERE / "tickets.yaml"), "-f", str(HERE / "batch.yaml"))
    print(f"\n$ kubectl get cb {NAME} -w", flush=True)
    if not follow(plane):
        print(plane.kubectl("describe", "cb", NAME), file=sys.stderr)
        return 1
    status = json.loads(plane.kubectl("get", "cb", NAME, "-o", "json"))["status"]
    print("\n".join(["", "categories", *categories(Status.model_validate(status))]))
    print("\n$ kubectl get configmap tickets-results -o jsonpath='{.data.results\\.jsonl}' | head -3")
    rows = plane.kubectl("get", "configmap", "tickets-results", "-o", r"jsonpath={.data.results\.jsonl}")
    print("\n".join(rows.splitlines()[:3]))
    print("\n".join(["", *money(Status.model_validate(status).cost)]))
    return 0


def categories(status: Status) -> list[str]:
    parts = breakdown(status)
    width = max((len(part.name) for part in parts), default=0) + 2
    return [f"  {part.name:<{width}}{part.tickets:>5}{part.share:>8}" for part in parts]


def money(cost: Cost) -> list[str]:
    return [
        f"cost ${cost.actual_usd}, estimated before at ${cost.estimated_usd}",
        f"at the standard price, one call per ticket: ${cost.standard_usd}",
        f"saved ${cost.saved_usd} (prices of {cost.prices_of})",
    ]


def follow(plane: ControlPlane) -> bool:
    """Shows `kubectl get cb -w` until the resource has ended; whether it became Complete."""
    command = [str(program("kubectl")), f"--kubeconfig={plane.kubeconfig}", "get", "cb", NAME, "-w"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        alarm = threading.Timer(LONGEST_SECONDS, watching.kill)
        alarm.start()
        try:
            for line in watching.stdout or ():
                print(line, end="", flush=True)
                if " Complete " in line or " Failed " in line:
                    return " Complete " in line
        finally:
            alarm.cancel()
            watching.kill()
    return False


def run(plane: ControlPlane, *command: str) -> None:
    shown = " ".join(part.replace(f"{HERE}/", "examples/demo/") for part in command)
    print(f"\n$ kubectl {shown}\n{plane.kubectl(*command)}", end="", flush=True)


def say(line: str) -> None:
    print(f"demo: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
