"""Somebody at a shell: a folder with manifest files, the command line, and a simulated API that keeps a bill."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from nightsort.__main__ import main
from tests.cluster.bench import NIGHTSORT, SimulatedApi
from tests.support.outcome import Outcome
from tests.support.processes import Server

KEY = {"ANTHROPIC_API_KEY": "a-key"}


@dataclass(frozen=True)
class Shell:
    folder: Path
    api: SimulatedApi

    def write(self, *documents: Mapping[str, Any] | str, name: str = "tickets.yaml") -> Path:
        """A manifest file of these documents, or of text as it is."""
        path = self.folder / name
        texts = [one if isinstance(one, str) else yaml.safe_dump(one, allow_unicode=True) for one in documents]
        path.write_text("---\n".join(texts), encoding="utf-8")
        return path

    def arguments(self, file: Path, *flags: str) -> list[str]:
        api = [] if "--simulate" in flags else ["--api-url", self.api.url]
        return ["local", str(file), "--state", str(self.folder / "state"), *api, *flags]

    def local(self, file: Path, *flags: str, env: Mapping[str, str] = KEY) -> Outcome:
        """`nightsort local` until its end, in this process: what it imports is imported once."""
        return run(*self.arguments(file, *flags), env=env)

    def start(self, file: Path, *flags: str, log: str = "local.log") -> Server:
        """`nightsort local` as a process of its own, that can be killed."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSORT_")}
        return Server.start([*NIGHTSORT, *self.arguments(file, *flags)], self.folder / log, env=environment | KEY)

    def bought(self) -> Mapping[str, Any]:
        bill: Mapping[str, Any] = self.api.ask("bill")
        return bill

    def rows(self, name: str = "tickets") -> list[dict[str, Any]]:
        text = (self.folder / "state" / "default" / f"{name}-results" / "results.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def record(self, name: str = "tickets") -> Any:
        """What is kept of a run; None before it begins."""
        path = self.folder / "state" / "default" / name / "record.json"
        return json.loads(path.read_text())["status"] if path.exists() else None

    def table(self, statement: str, rows: Sequence[tuple[object, ...]] = ()) -> list[Any]:
        """Runs a statement on the shell's SQLite file, once or for each row; what it selects."""
        with contextlib.closing(sqlite3.connect(self.folder / "tickets.db")) as connection, connection:
            if rows:
                connection.executemany(statement, rows)
                return []
            return connection.execute(statement).fetchall()

    def tickets(self, count: int) -> None:
        """A table of tickets about billing, none of which has a category."""
        self.table("CREATE TABLE tickets (id INTEGER PRIMARY KEY, subject TEXT, body TEXT, category TEXT)")
        rows = [(number, "Help", "My invoice shows a wrong charge", None) for number in range(1, count + 1)]
        self.table("INSERT INTO tickets VALUES (?, ?, ?, ?)", rows)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'tickets.db'}"


def run(*arguments: str, env: Mapping[str, str] = KEY) -> Outcome:
    """The command line as a shell would call it, without the environment's own settings."""
    out, err = io.StringIO(), io.StringIO()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTSORT_", "ANTHROPIC_"))}
    with (
        patch.dict(os.environ, {**kept, **env}, clear=True),
        patch.object(sys, "argv", ["nightsort", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Outcome(code, out.getvalue(), err.getvalue())


def config_map(key: str, text: object, name: str = "tickets") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {key: text}}


def secret(**values: object) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": values}


def from_config_map(key: str) -> dict[str, Any]:
    return {"configMap": {"name": "tickets", "key": key}}


def from_database(query: str = "SELECT id, subject, body FROM tickets") -> dict[str, Any]:
    return {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "query": query}}


def into_database(table: str = "tickets", **more: Any) -> dict[str, Any]:
    return {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "table": table, **more}}


def submitted(shell: Shell, name: str = "tickets") -> bool:
    record = shell.record(name)
    return bool(record and record["batches"] and record["batches"][0]["state"] == "Submitted")


def read_until(terminal: int, words: str | None) -> str:
    """What a terminal shows, up to these words or until its program has ended."""
    shown = b""
    while words is None or words.encode() not in shown:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    return shown.decode(errors="replace")
