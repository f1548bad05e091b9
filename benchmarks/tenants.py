"""What a hostile namespace costs another one: its run alone, and beside 50 mute servers, 50 queries and 20 patterns.

`python -m benchmarks.tenants [ROUNDS]`. Needs `make control-plane`. On one real API server, with PostgreSQL and S3 on
this machine, one operator works for a namespace alone, and another one for the same beside the hostile namespace. The
same run goes through both in turns, so that each meets the same machine. Prints JSON: medians in seconds, the median of
the ratios, which is to be at most 1.3, and what the hostile resources cost. Ends with 1 where the ratio is larger.
"""

from __future__ import annotations

import json
import re
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import psycopg
import yaml

from benchmarks.cluster import CRDS, Process
from benchmarks.tickets import fill_postgres, resource
from tests.cluster.bench import SimulatedApi, start_operator
from tests.cluster.controlplane.plane import ControlPlane
from tests.servers.postgres import fresh_database, postgres
from tests.servers.s3 import fresh_bucket, s3
from tests.support.processes import free_ports

ROUNDS = 5
TICKETS = 10_000
BATCH_SECONDS = 2
MUTE, QUERIES, PATTERNS = 50, 50, 20
SETTLING_SECONDS = 30
IDLE_SECONDS = 60
MOST = 1.3
HOSTILE_QUERY = "SELECT pg_sleep(290)::text AS id, 'Help' AS subject, 'Refund' AS body"
HOSTILE_PATTERN = "*a" * 24 + "*b.jsonl"
HEALTHY_QUERY = "SELECT id, subject, body FROM tickets WHERE category IS NULL"
ALONE, BESIDE, HOSTILE = "alone", "beside", "hostile"
Manifest = dict[str, Any]


@contextmanager
def mute_servers(count: int) -> Iterator[list[int]]:
    """Ports where the kernel takes connections and nobody ever says a word."""
    with ExitStack() as closing:
        listening = [closing.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        yield [each.getsockname()[1] for each in listening]


def secret(name: str, namespace: str, **values: str) -> Manifest:
    labels = {"nightsort.dev/allow": "true"}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


def run_over(namespace: str, name: str, source: Manifest, results: Manifest | None = None) -> Manifest:
    made = resource("run", source, results)
    made["metadata"] = {"name": name, "namespace": namespace}
    made["spec"]["overlapPolicy"] = "Allow"
    return made


def over_database(namespace: str, name: str, key: str, query: str) -> Manifest:
    source = {"urlSecretRef": {"name": "databases", "key": key}, "query": query}
    return run_over(namespace, name, {"database": source})


def hostile(ports: list[int], database: str, bucket: str, options: dict[str, str]) -> list[Manifest]:
    """Everything that the hostile namespace brings."""
    urls = {f"mute-{port}": f"{scheme(port)}://me:secret@127.0.0.1:{port}/tickets" for port in ports}
    secrets = [secret("databases", HOSTILE, sleeping=database, **urls), secret("s3", HOSTILE, **options)]
    store = {"url": f"s3://{bucket}/{HOSTILE_PATTERN}", "secretRef": {"name": "s3"}}
    kinds = [
        [over_database(HOSTILE, key, key, HEALTHY_QUERY) for key in urls],
        [over_database(HOSTILE, f"query-{number}", "sleeping", HOSTILE_QUERY) for number in range(QUERIES)],
        [run_over(HOSTILE, f"pattern-{number}", {"objectStore": store}) for number in range(PATTERNS)],
    ]
    mixed = [made for each in zip_longest(*kinds) for made in each if made is not None]
    return [*secrets, *mixed]


def scheme(port: int) -> str:
    return "postgresql" if port % 2 else "mysql"


class Healthy:
    """A namespace that labels the same table again and again."""

    def __init__(self, plane: ControlPlane, namespace: str, url: str) -> None:
        self._plane, self._namespace, self._url = plane, namespace, url
        self._runs = 0
        plane.kubectl("create", "-f", "-", input=yaml.safe_dump(secret("databases", namespace, url=url)))

    def run(self) -> float:
        """Seconds from creating a resource to its Complete."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("UPDATE tickets SET category = NULL")
        self._runs += 1
        name = f"run-{self._runs}"
        made = over_database(self._namespace, name, "url", HEALTHY_QUERY)
        ref = {"name": "databases", "key": "url"}
        made["spec"]["results"] = {"database": {"urlSecretRef": ref, "table": "tickets", "mode": "Update"}}
        began = time.perf_counter()
        self._plane.kubectl("create", "-f", "-", input=yaml.safe_dump(made))
        complete = ("wait", "--for=condition=Complete", "--timeout=600s", f"cb/{name}")
        self._plane.kubectl("--namespace", self._namespace, *complete)
        took = time.perf_counter() - began
        with psycopg.connect(self._url) as connection:
            found = connection.execute("SELECT count(*) FROM tickets WHERE category IS NOT NULL").fetchone()
        if found != (TICKETS,):
            raise SystemExit(f"{name}: {found} of {TICKETS} tickets have a label")
        print(f"{self._namespace} {name}: {took:.2f} s", file=sys.stderr)
        return took


def requests(plane: ControlPlane) -> int:
    """How many the API server has taken that an operator makes."""
    kinds = "classificationbatches|secrets|configmaps|events"
    lines = plane.kubectl("get", "--raw", "/metrics").splitlines()
    pattern = re.compile(rf'apiserver_request_total{{.*resource="(?:{kinds})".*}} (\S+)')
    return int(sum(float(found[1]) for found in map(pattern.fullmatch, lines) if found))


def health(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        return str(answer.read().decode())


def told(plane: ControlPlane) -> dict[str, int]:
    """Of the hostile namespace, how many resources have which reason."""
    path = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].reason}{"\\n"}{end}'
    reasons = plane.kubectl("-n", HOSTILE, "get", "cb", "-o", f"jsonpath={path}").split("\n")[:-1]
    return {reason or "none yet": reasons.count(reason) for reason in sorted(set(reasons))}


def cost(plane: ControlPlane, process: Process) -> dict[str, float]:
    """What goes on by itself, in a minute."""
    asked, cpu = requests(plane), process.cpu()
    time.sleep(IDLE_SECONDS)
    return {
        "api_requests_a_minute": round((requests(plane) - asked) * 60 / IDLE_SECONDS),
        "cpu_percent": round((process.cpu() - cpu) / IDLE_SECONDS * 100, 1),
        "threads": process.threads(),
        "memory_mb": round(process.memory_mb()),
    }


class Operator:
    """One of the two processes, which watches some of the namespaces."""

    def __init__(self, plane: ControlPlane, api: SimulatedApi, folder: Path, *namespaces: str) -> None:
        (self._port,) = free_ports(1)
        self.server = start_operator(
            plane,
            api.url,
            folder / f"operator-{namespaces[0]}.log",
            ANTHROPIC_API_KEY=f"bench-{namespaces[0]}",
            NIGHTSORT_NAMESPACES=",".join(namespaces),
            NIGHTSORT_LIVENESS_PORT=str(self._port),
            NIGHTSORT_DATABASE_HOSTS="*,127.0.0.1",
            NIGHTSORT_OBJECT_STORE_ENDPOINTS="127.0.0.1",
        )
        self.process = Process(self.server)

    def health(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/healthz", timeout=5) as answer:
            return str(answer.read().decode())


def measure(closing: ExitStack, rounds: int) -> dict[str, Any]:
    folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="nightsort-tenants-")))
    api = closing.enter_context(SimulatedApi(folder, BATCH_SECONDS))
    url = closing.enter_context(postgres())
    endpoint = closing.enter_context(s3())
    plane = closing.enter_context(ControlPlane(folder / "plane", crds=CRDS, controller_manager=False))
    for namespace in (ALONE, BESIDE, HOSTILE):
        plane.kubectl("create", "namespace", namespace)
    operators = Operator(plane, api, folder, ALONE), Operator(plane, api, folder, BESIDE, HOSTILE)
    for operator in operators:
        closing.enter_context(operator.server)
    teams = [
        Healthy(plane, namespace, fill_postgres(closing.enter_context(fresh_database(url)), TICKETS))
        for namespace in (ALONE, BESIDE)
    ]
    for team in teams:
        team.run()  # what is imported at the first run is not the tenant's
    before = cost(plane, operators[1].process)
    bucket = fresh_bucket(endpoint)
    bucket.put("a" * 48 + ".jsonl", b'{"id": "1", "body": "Refund"}\n')
    ports = closing.enter_context(mute_servers(MUTE))
    made = hostile(ports, closing.enter_context(fresh_database(url)), bucket.name, bucket.options)
    plane.kubectl("create", "-f", "-", input=yaml.safe_dump_all(made))
    time.sleep(SETTLING_SECONDS)
    found = [(teams[0].run(), teams[1].run()) for _ in range(rounds)]
    alone, beside = zip(*found, strict=True)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "alone_seconds": round(statistics.median(alone), 2),
        "beside_seconds": round(statistics.median(beside), 2),
        "ratio": round(statistics.median(later / first for first, later in found), 2),
        "rounds": [[round(seconds, 2) for seconds in pair] for pair in found],
        "healthz": operators[1].health(),
        "hostile": told(plane),
        "quiet": before,
        "hostile_cost": cost(plane, operators[1].process),
    }


def main(rounds: int) -> int:
    with ExitStack() as closing:
        figures = measure(closing, rounds)
    print(json.dumps(figures))
    return int(figures["ratio"] > MOST)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
