"""`make bench`: runs everything beside each other, writes benchmarks/results.json and the tables and plots in docs/.

SIZE=quick (10,000 tickets, a minute), usual (100,000), full (1,000,000 and the operator on a real API server as well).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.tickets import database_resource, fill_postgres, fill_sqlite, tickets
from tests.cluster.controlplane.plane import TOP
from tests.servers.postgres import postgres
from tests.support.processes import Server

RESULTS = TOP / "benchmarks" / "results.json"
BATCH_SECONDS = "1"
ROUNDS = 3
SIZES = {"quick": [1_000, 10_000], "usual": [1_000, 10_000, 100_000], "full": [1_000, 10_000, 100_000, 1_000_000]}
RESOURCES = (1, 10, 100, 1_000)
LARGEST_IN_MEMORY = 100_000
"""More than this the API does not take in one batch, so that neither the floor nor the naive script can."""

Figures = dict[str, Any]


def run(module: str, *arguments: str, **environment: str) -> Figures:
    """The last line that a benchmark's own process has printed."""
    environment = {**os.environ, **environment}
    ended = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        env=environment,
        cwd=TOP,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(ended.stdout.splitlines()[-1])
    print(f"{module} {' '.join(arguments)}: {figures}", flush=True)
    return figures


@contextmanager
def simulator(folder: Path) -> Iterator[str]:
    """The URL of a simulated API that answers at once, so that a batch ends when it is due."""
    command = [sys.executable, "-m", "nightsort", "simulate", "--port", "0", "--seconds", BATCH_SECONDS]
    server = Server.start([*command, "--fixed-answer", "billing"], folder / "simulator.log")
    try:
        server.wait_until(lambda: "simulating" in server.tail())
        yield server.tail().split()[-1]
    finally:
        server.stop()


def body_of(path: Path, count: int) -> Path:
    """The body of a create, as the flow makes it."""
    from nightsort.api.resource import Resource
    from nightsort.domain.request import CLOSING, OPENING, SEPARATOR, Encoder
    from nightsort.domain.ticket import Ticket

    encoder = Encoder(Resource.of(database_resource()).spec, disable_thinking=False)
    made = (
        encoder.request("floor0", str(n), encoder.text(Ticket(str(n), {"subject": s, "body": b}, "")) or b"")
        for n, s, b in tickets(count)
    )
    with path.open("wb") as file:
        file.write(OPENING)
        for position, request in enumerate(made):
            file.write(SEPARATOR + request if position else request)
        file.write(CLOSING)
    return path


def contenders(folder: Path, api: str, count: int) -> dict[str, Callable[[], Figures]]:
    """What is run on so many tickets, each from the same untouched table."""
    untouched, used = folder / f"{count}.db", folder / "run.db"
    fill_sqlite(untouched, count)

    def local() -> Figures:
        shutil.copy(untouched, used)
        shutil.rmtree(folder / "state", ignore_errors=True)
        return run("local", BENCH_API=api, BENCH_URL=f"sqlite:///{used}", BENCH_STATE=str(folder / "state"))

    def naive(*how: str) -> Figures:
        shutil.copy(untouched, used)
        return run("naive", *how, BENCH_API=api, BENCH_FILE=str(used))

    if count > LARGEST_IN_MEMORY:
        return {"nightsort": local}
    body = body_of(folder / f"{count}.json", count)
    return {
        "nightsort": local,
        "floor": lambda: run("floor", BENCH_API=api, BENCH_BODY=str(body)),
        "naive": naive,
        "naive async": lambda: naive("async"),
    }


def is_slow(name: str) -> bool:
    """Once is enough to show what the asynchronous client does to a loop."""
    return name == "naive async"


def best(rounds: list[Figures]) -> Figures:
    """The round with the least work: what else the machine does only ever adds to it. Memory and pauses: the worst."""
    chosen = dict(min(rounds, key=lambda figures: float(figures["work"])))
    for name in ("peak_mb", "busiest"):
        if name in chosen:
            chosen[name] = max(figures[name] for figures in rounds)
    return chosen


def compare(folder: Path, api: str, count: int, rounds: int) -> dict[str, Figures]:
    """The contenders in turns, so that each meets the same machine."""
    found: dict[str, list[Figures]] = {}
    there = contenders(folder, api, count)
    for number in range(rounds):
        for name, measure in there.items():
            if number == 0 or not is_slow(name):
                found.setdefault(name, []).append(measure())
    return {name: best(measured) for name, measured in found.items()}


def in_postgres(folder: Path, api: str, count: int, rounds: int) -> Figures:
    measured = []
    for _ in range(rounds):
        with postgres() as url:
            fill_postgres(url, count)
            shutil.rmtree(folder / "state", ignore_errors=True)
            measured.append(run("local", BENCH_API=api, BENCH_URL=url, BENCH_STATE=str(folder / "state")))
    return best(measured)


def help_seconds() -> float:
    """The best of five."""

    def once() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "nightsort", "--help"], stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    return round(min(once() for _ in range(5)), 3)


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def main(size: str) -> None:
    earlier = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results: dict[str, Any] = {"size": size, "machine": machine(), "help": help_seconds()}
    with tempfile.TemporaryDirectory(prefix="nightsort-bench-") as temporary:
        folder = Path(temporary)
        with simulator(folder) as api:
            counts = SIZES[size]
            results["tickets"] = {
                str(count): compare(folder, api, count, ROUNDS if count <= LARGEST_IN_MEMORY else 1) for count in counts
            }
            results["postgresql"] = in_postgres(folder, api, min(counts[-1], LARGEST_IN_MEMORY), ROUNDS)
    results["fleet"] = [run("fleet", str(count)) for count in RESOURCES]
    results["many"] = run("fleet", "10000", "10") if size != "quick" else earlier.get("many")
    results["cluster"] = cluster() if size == "full" else earlier.get("cluster")
    if size == "usual" and "1000000" in earlier.get("tickets", {}):
        results["tickets"]["1000000"] = earlier["tickets"]["1000000"]
    results["machine"]["load_after"] = machine()["load"]
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    page.write(results, TOP / "docs")


def cluster() -> dict[str, Figures]:
    flying, finished = run("cluster", "flying", "1000"), run("cluster", "finished", "10000")
    return {"flying": flying, "finished": finished, "tenants": run("tenants")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("size", nargs="?", default="usual", choices=SIZES)
    main(parser.parse_args().size)
