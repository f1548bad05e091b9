"""The ledger of `nightsort classify`: runs are rows of its state."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from nightsort.adapters.local.state import State, now
from nightsort.api.resource import Meta, Resource, parse_status
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.errors import Conflict, Gone, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.record import batch_ids
from nightsort.domain.recovery import Kept, may_replace
from nightsort.formats.record_copies import decoded, decoded_ids, encoded, encoded_ids

NAMESPACE = "default"
FORGET = "DELETE FROM run_tickets WHERE run = :run"
FORGET_ALL = "DELETE FROM run_tickets"
"""Ten times as fast: SQLite does not look at the rows."""
RUNS = "SELECT uid, name, began_at, spec, version, status FROM runs"


class StateLedger:
    """Implements `ports.Ledger`. A run keeps the spec that it began with, whatever the command line says later."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def load(self, meta: Meta) -> Resource | None:
        return await asyncio.to_thread(self._load, meta.uid)

    async def save(self, meta: Meta, status: Status) -> Meta:
        return await asyncio.to_thread(self._save, meta, status)

    async def ensure_recordable(self, meta: Meta, *, rewriting: bool = False) -> None:
        """The state takes every field."""

    async def owned_batches(self) -> set[str]:
        return await asyncio.to_thread(self._owned_batches)

    async def unfinished(self) -> Sequence[Resource]:
        return await asyncio.to_thread(self.all_unfinished)

    async def others(self, meta: Meta, within: float = 0.0) -> Sequence[Resource]:
        return [each for each in await self.unfinished() if each.meta.uid != meta.uid]

    async def ended(self, meta: Meta) -> Sequence[Resource]:
        return await asyncio.to_thread(self._ended, meta.uid)

    async def remove(self, meta: Meta) -> None:
        await asyncio.to_thread(self._remove, meta)

    async def keep_long_ids(self, meta: Meta, tag: str, ids: Mapping[str, str]) -> None:
        statement = "INSERT INTO long_ids VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET ids = excluded.ids"
        await asyncio.to_thread(self._state.rows, statement, (meta.uid, tag, encoded_ids(ids).decode()))

    async def long_ids(self, meta: Meta, tag: str) -> Mapping[str, str]:
        statement = "SELECT ids FROM long_ids WHERE run = ? AND tag = ?"
        found = await asyncio.to_thread(self._state.rows, statement, (meta.uid, tag))
        return decoded_ids(found[0][0].encode(), str(self._state.path)) if found else {}

    async def keep_record(self, meta: Meta, status: Status, *, removing: bool = False) -> None:
        await asyncio.to_thread(self._keep, meta, status, removing)

    async def kept_record(self, meta: Meta) -> Kept:
        return await asyncio.to_thread(self._kept, meta)

    async def forget_record(self, meta: Meta, anew: str) -> None:
        await asyncio.to_thread(self._write_copy, meta, encoded(None, anew))

    def _ended(self, uid: str) -> list[Resource]:
        found = self._select("WHERE uid <> ? ORDER BY began_at, uid", (uid,))
        return [each for each in found if each.status.completion_time is not None]

    def all_unfinished(self) -> list[Resource]:
        return [each for each in self._select("ORDER BY began_at, uid") if each.status.completion_time is None]

    def all_runs(self) -> list[tuple[Resource, str, bool]]:
        """Every run with its file, by its absolute path, and whether it is a simulated one; the oldest first."""
        found = self._state.rows("SELECT uid, file, simulated FROM runs")
        known = {uid: (file, bool(simulated)) for uid, file, simulated in found}
        return [(run, *known[run.meta.uid]) for run in self._select("ORDER BY began_at, rowid")]

    def unfinished_of_file(self, file: str) -> list[Resource]:
        """The unfinished runs of a file, by its absolute name."""
        return [run for run in self._select("WHERE file = ? ORDER BY began_at, rowid", (file,)) if not ended_at(run)]

    def respec(self, run: Resource, spec: Spec) -> Resource:
        """Changes the spec of a run, durably."""
        words = spec.model_dump_json(by_alias=True, exclude_defaults=True)
        self._state.rows("UPDATE runs SET spec = ? WHERE uid = ?", (words, run.meta.uid))
        return replace(run, spec=spec)

    def of_file(self, file: str, *, simulated: bool) -> list[Resource]:
        """The runs of a file, by its absolute name, the newest first."""
        newest_first = "WHERE file = ? AND simulated = ? ORDER BY began_at DESC, rowid DESC"
        return self._select(newest_first, (file, simulated))

    def add(self, meta: Meta, spec: Spec, file: str, *, simulated: bool = False) -> Resource:
        """Makes a run without any batch yet."""
        words = spec.model_dump_json(by_alias=True, exclude_defaults=True)
        self._state.rows(
            "INSERT INTO runs (uid, name, file, began_at, simulated, spec) VALUES (?, ?, ?, ?, ?, ?)",
            (meta.uid, meta.name, file, now(), simulated, words),
        )
        [run] = self._select("WHERE uid = ?", (meta.uid,))
        return run

    def _load(self, uid: str) -> Resource | None:
        return next(iter(self._select("WHERE uid = ?", (uid,))), None)

    def _select(self, which: str, values: Sequence[object] = ()) -> list[Resource]:
        return list(map(self._resource, self._state.rows(f"{RUNS} {which}", values)))

    def _resource(self, row: tuple[str, str, str, str, int, str | None]) -> Resource:
        uid, name, began_at, spec, version, status = row
        try:
            meta = Meta.of(
                {"metadata": {"namespace": NAMESPACE, "name": name, "uid": uid, "creationTimestamp": began_at}}
            )
            known = parse_status({"status": json.loads(status)} if status else {})
            return Resource(
                replace(meta, resource_version=str(version)), Spec.model_validate_json(spec, extra="ignore"), known
            )
        except ValueError as error:
            raise Stalled(
                f"{self._state.path}: the record of run {name} cannot be read by this version: restore the file, or "
                "name another directory with --state",
                reason=Reason.RECORD_UNREADABLE,
            ) from error

    def _save(self, meta: Meta, status: Status) -> Meta:
        words = status.model_dump_json(by_alias=True, exclude_none=True)
        written = self._state.rows(
            "UPDATE runs SET status = ?, version = version + 1 WHERE uid = ? AND version = ? RETURNING version",
            (words, meta.uid, int(meta.resource_version or -1)),
        )
        if written:
            return replace(meta, resource_version=str(written[0][0]))
        raise Conflict(meta.key) if self._load(meta.uid) else Gone(meta.key)

    def _keep(self, meta: Meta, status: Status, removing: bool) -> None:
        with self._state.transaction():
            kept = self._kept(meta)
            if not may_replace(status, kept, removing=removing):
                raise Conflict(meta.key)
            self._write_copy(meta, encoded(status, kept.anew))

    def _kept(self, meta: Meta) -> Kept:
        found = self._state.rows("SELECT copy FROM runs WHERE uid = ?", (meta.uid,))
        return decoded(found[0][0] if found else None, str(self._state.path))

    def _write_copy(self, meta: Meta, copy: bytes) -> None:
        self._state.rows("UPDATE runs SET copy = ? WHERE uid = ?", (copy, meta.uid))

    def _remove(self, meta: Meta) -> None:
        known = self._load(meta.uid)
        if known is None:
            raise Gone(meta.key)
        if known.meta.resource_version != meta.resource_version:
            raise Conflict(meta.key)
        self.forget(meta.uid)

    def forget(self, uid: str) -> None:
        """Removes the run as if it had never begun. Labels stay."""
        with self._state.transaction() as connection:
            for table, column in (("runs", "uid"), ("run_tickets", "run"), ("long_ids", "run")):
                connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (uid,))  # noqa: S608 - names of ours

    def _owned_batches(self) -> set[str]:
        return {batch for run in self._select("") for batch in batch_ids(run.status)}


def ended_at(run: Resource) -> datetime | None:
    return run.status.completion_time


def settle(state: State) -> Sequence[Resource]:
    """Removes leftovers of former processes; returns the runs in progress.

    A run that has ended does not need its tickets any more. One that has bought nothing begins anew with the next
    command, at the price of that time. So does a simulated one: the simulator with its batches is gone.
    """
    ledger = StateLedger(state)
    under_way = []
    for run in ledger.all_unfinished():
        [(copy, simulated)] = state.rows("SELECT copy, simulated FROM runs WHERE uid = ?", (run.meta.uid,))
        if simulated or (not run.status.batches and copy is None):
            ledger.forget(run.meta.uid)
        else:
            under_way.append(run)
    kept = json.dumps([run.meta.uid for run in under_way])
    with state.transaction() as connection:
        for table in ("run_tickets", "long_ids"):
            connection.execute(f"DELETE FROM {table} WHERE run NOT IN (SELECT value FROM json_each(?))", (kept,))  # noqa: S608
    return under_way


def file_of(state: State, run: Resource) -> str:
    """The absolute path of the file with a run's tickets."""
    [(file,)] = state.rows("SELECT file FROM runs WHERE uid = ?", (run.meta.uid,))
    return str(file)


def ended(state: State, run: Resource) -> None:
    """Forgets the tickets of a run that has ended."""
    if run.status.completion_time is not None:
        with state.transaction() as connection:
            connection.execute(FORGET if has_others(connection, run.meta.uid) else FORGET_ALL, {"run": run.meta.uid})
            connection.execute("DELETE FROM long_ids WHERE run = ?", (run.meta.uid,))


def has_others(connection: sqlite3.Connection, run: str) -> bool:
    """Whether other runs have tickets here; two questions, each of which the index answers."""
    return any(
        connection.execute(f"SELECT 1 FROM run_tickets WHERE run {sign} ? LIMIT 1", (run,)).fetchone()  # noqa: S608
        for sign in "<>"
    )
