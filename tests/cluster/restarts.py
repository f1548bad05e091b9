"""What the tests of restarts and faults work with: an operator that is started again, tickets and the API's bill."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.cluster.bench import SimulatedApi, User, batch, condition
from tests.cluster.controlplane.plane import ControlPlane
from tests.cluster.fork_server import Fork, ForkServer
from tests.support.waiting import eventually

GRACE_SECONDS = 3
QUERY = "SELECT id, subject, body FROM tickets WHERE category IS NULL AND night = {night}"
SCHEMA = """
    CREATE TABLE tickets (id INTEGER PRIMARY KEY, night INTEGER, subject TEXT, body TEXT, category TEXT, batch TEXT,
                          labelled INTEGER NOT NULL DEFAULT 0);
    CREATE FUNCTION count_labels() RETURNS trigger AS
        'BEGIN NEW.labelled = OLD.labelled + 1; RETURN NEW; END' LANGUAGE plpgsql;
    CREATE TRIGGER count_labels BEFORE UPDATE ON tickets FOR EACH ROW
        WHEN (OLD.category IS DISTINCT FROM NEW.category OR OLD.batch IS DISTINCT FROM NEW.batch)
        EXECUTE FUNCTION count_labels();
"""


@dataclass
class Pod:
    """An operator that is started again whenever it has ended, as a Deployment does it."""

    fork_server: ForkServer
    plane: ControlPlane
    namespace: str
    api_url: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    starts: int = 0
    running: Fork | None = None

    def start(self) -> Fork:
        """Starts it if it does not run."""
        if self.running is not None and self.running.alive:
            return self.running
        self.starts += 1
        environment = {
            "NIGHTSORT_ANTHROPIC_API_KEY": "simulated",
            "NIGHTSORT_ADOPTION_GRACE_SECONDS": str(GRACE_SECONDS),
            "NIGHTSORT_DATABASE_HOSTS": "*,127.0.0.1,localhost",
            **self.environment,
        }
        arguments = ["operator", "--namespace", self.namespace, "--api-url", self.api_url]
        self.running = self.fork_server.start(arguments, environment, self.folder / f"operator-{self.starts}.log")
        return self.running

    def kill(self) -> None:
        if self.running is not None:
            self.running.kill()

    def until(self, done: Callable[[], Any], seconds: float) -> None:
        """Waits, and starts it again whenever it has ended."""

        def looked() -> bool:
            self.start()
            return bool(done())

        eventually(looked, seconds, every=0.3)

    def logs(self) -> str:
        return "\n".join(log.read_text() for log in sorted(self.folder.glob("operator-*.log")))


class StatusReader:
    """Sees statuses in milliseconds, where kubectl needs tenths of a second; the connection is kept."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._path = f"/apis/nightsort.dev/v1alpha1/namespaces/{namespace}/classificationbatches"
        self._headers = {"Authorization": f"Bearer {plane.token}"}
        context = ssl.create_default_context(cafile=plane.ca_file)
        self._connection = http.client.HTTPSConnection(plane.address, plane.port, timeout=10, context=context)

    def close(self) -> None:
        self._connection.close()

    def statuses(self) -> dict[str, Any]:
        """By name; nothing while the API server is away."""
        try:
            self._connection.request("GET", self._path, headers=self._headers)
            answer = self._connection.getresponse()
            items = json.loads(answer.read()).get("items", ())
        except (OSError, http.client.HTTPException):
            self._connection.close()  # the next request opens it again
            return {}
        return {item["metadata"]["name"]: item.get("status") or {} for item in items}

    def records(self, state: str = "") -> set[str]:
        """The tags of all batches on record, or of those in this state."""
        records = [one for status in self.statuses().values() for one in status.get("batches", ())]
        return {one["tag"] for one in records if state in ("", one["state"])}

    def finished(self) -> bool:
        statuses = self.statuses().values()
        return bool(statuses) and all(condition(status, "Finished") == "True" for status in statuses)


@dataclass
class Table:
    """Tickets in PostgreSQL; each night has a resource of its own that labels its tickets."""

    url: str
    user: User
    connection: psycopg.Connection[tuple[Any, ...]]
    nights: dict[int, int] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def opened(cls, url: str, user: User) -> Iterator[Table]:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SCHEMA.encode())
            user.secret("tickets-db", url=url)
            yield cls(url, user, connection)

    def new_night(self, tickets: int, requests_per_shard: int = 50, **spec: Any) -> str:
        """New tickets and the resource that labels them; its name."""
        night = self.insert(tickets)
        manifest = self.manifest(night, shards={"maxRequests": requests_per_shard}, **spec)
        self.user.apply(manifest)
        return str(manifest["metadata"]["name"])

    def insert(self, tickets: int) -> int:
        """New tickets; the number of their night."""
        night, first = len(self.nights), self.tickets
        rows = [(first + number, night, f"Charged twice {number}", "My invoice is wrong") for number in range(tickets)]
        with self.connection.cursor() as cursor:
            cursor.executemany("INSERT INTO tickets VALUES (%s, %s, %s, %s)", rows)
        self.nights[night] = tickets
        return night

    def manifest(self, night: int, **spec: Any) -> dict[str, Any]:
        secret = {"urlSecretRef": {"name": "tickets-db", "key": "url"}}
        columns = {"id": "id", "category": "category", "batchId": "batch"}
        results = {"database": {**secret, "table": "tickets", "mode": "Update", "columns": columns}}
        source = {"database": {**secret, "query": QUERY.format(night=night)}}
        return batch(f"night-{night}", source, results=results, **spec)

    @property
    def tickets(self) -> int:
        return sum(self.nights.values())

    def count(self, condition: str) -> int:
        row = self.connection.execute(f"SELECT COUNT(*) FROM tickets WHERE {condition}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def labelled(self) -> int:
        return self.count("category IS NOT NULL")


def settled(api: SimulatedApi, table: Table, reader: StatusReader) -> None:
    """The judgement: each ticket was paid and labelled once, and each resource says so."""
    paid_and_labelled_once(api, table)
    for name, status in reader.statuses().items():
        assert condition(status, "Complete") == "True", (name, status)
        assert status["tickets"]["labeled"] == table.nights[int(name.removeprefix("night-"))], (name, status)


def paid_and_labelled_once(api: SimulatedApi, table: Table) -> None:
    """What the API has on its bill is what there was to buy, and each row was labelled once."""
    bill = api.ask("bill")
    assert (bill["paid"], bill["accepted"]) == (table.tickets, table.tickets), "every ticket is paid once"
    assert table.labelled() == table.tickets
    assert table.count("labelled <> 1") == 0, "every row is labelled once"


def quickly(happened: Callable[[], Any], seconds: float) -> bool:
    """Whether it happened within these seconds; asks so often that a kill that follows comes in time."""
    ends = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > ends:
            return False
        time.sleep(0.002)
    return True


def resident_megabytes(pid: int) -> float:
    """What a process holds of the memory now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
