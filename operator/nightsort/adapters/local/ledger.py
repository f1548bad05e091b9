"""The ledger of local mode: one JSON file for each resource in a state directory."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from nightsort.adapters.local.places import folder_of, remove
from nightsort.api.resource import Meta, Resource, parse_status
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.errors import Conflict, Gone, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.record import batch_ids
from nightsort.domain.recovery import Kept, may_replace
from nightsort.formats import bounded_json
from nightsort.formats.record_copies import decoded, decoded_ids, encoded, encoded_ids
from nightsort.system.files import LOCK, read_if_there, write_whole
from nightsort.system.locks import kept_by_one, working

RECORD, COPY, LONG_IDS = "record.json", "copy.json", "ids-{}.json"
RECORDS = f"*/*/{RECORD}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file's content: the number of its writes, marks of the spec that the run began with, and the status.

    `manifest` is the absolute path of its manifest file; empty where an earlier version wrote it.
    """

    version: int
    spec: Mapping[str, str]
    status: Status
    manifest: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run of the directory, by its own file: also one whose manifest is elsewhere, or gone."""

    namespace: str
    name: str
    manifest: str
    status: Status


@contextmanager
def opened(
    directory: Path, resources: Iterable[Resource], manifest: str = "", *, anew: bool = False
) -> Iterator[FileLedger]:
    """The ledger of these resources, locked against other processes, which are told about this one.

    `manifest` is the path of the manifest file. `anew` forgets all earlier runs.

    Raises:
        Stalled: another process has the lock, or an unfinished run had another spec.
    """
    with kept_by_one(directory, f"nightsort local {manifest}".strip()):
        ledger = FileLedger(directory, resources, manifest)
        if anew:
            ledger.clear()
        ledger.begin()
        yield ledger


class FileLedger:
    """Specs come from the manifests, statuses from the files; a resource without a manifest is gone."""

    def __init__(self, directory: Path, resources: Iterable[Resource], manifest: str = "") -> None:
        self.resources = {resource.meta.key: resource for resource in resources}
        self._directory = directory
        self._manifest = str(Path(manifest).absolute()) if manifest else ""
        self._writing = Lock()
        """The directory's lock keeps other processes out, from a read to the write that depends on it."""

    def clear(self) -> None:
        for folder in {path.parent for name in (RECORD, COPY) for path in self._directory.glob(f"*/*/{name}")}:
            forget(folder)

    def begin(self) -> None:
        """Refuses changed fields that decide what is bought, once a batch was bought, as in the cluster.

        A run without any batch begins anew with the present manifest: nothing would be paid twice.

        Raises:
            Stalled: such a field has changed.
        """
        for resource in self.resources.values():
            entry = self._read(resource.meta)
            if entry is None:
                continue
            if not entry.status.batches and self._kept(resource.meta).status is None:
                self._path(resource.meta).unlink()
            elif changed := changes(entry.spec, marks(resource.spec)):
                raise Stalled(
                    f"{resource.meta.key}: {', '.join(changed)} changed since the run began. "
                    "Give the resource another name, or name another directory with --state",
                    reason=Reason.SPEC_CHANGED,
                )

    async def load(self, meta: Meta) -> Resource | None:
        resource = self._known(meta)
        if resource is None:
            return None
        entry = await asyncio.to_thread(self._read, meta)
        if entry is None:
            return resource
        known = replace(resource.meta, resource_version=str(entry.version))
        return replace(resource, meta=known, status=entry.status)

    async def save(self, meta: Meta, status: Status) -> Meta:
        resource = self._known(meta)
        if resource is None:
            raise Gone(meta.key)
        return await asyncio.to_thread(self._write, resource, meta, status)

    async def ensure_recordable(self, meta: Meta, *, rewriting: bool = False) -> None:
        """A file takes every field."""

    async def owned_batches(self) -> set[str]:
        return await asyncio.to_thread(self._all_batches)

    async def unfinished(self) -> Sequence[Resource]:
        found = [await self.load(each.meta) for each in self.resources.values()]
        return [resource for resource in found if resource and resource.status.completion_time is None]

    async def others(self, meta: Meta, within: float = 0.0) -> Sequence[Resource]:
        there = [each.meta for each in self.resources.values() if each.meta.namespace == meta.namespace]
        found = [await self.load(each) for each in there if each.key != meta.key]
        return [resource for resource in found if resource and resource.status.completion_time is None]

    async def ended(self, meta: Meta) -> Sequence[Resource]:
        there = [each.meta for each in self.resources.values() if each.meta.namespace == meta.namespace]
        found = [await self.load(each) for each in there if each.key != meta.key]
        return [resource for resource in found if resource and resource.status.completion_time is not None]

    async def remove(self, meta: Meta) -> None:
        """Forgets the resource and everything kept for it."""
        now = await self.load(meta)
        if now is None:
            raise Gone(meta.key)
        if now.meta.resource_version != meta.resource_version:
            raise Conflict(meta.key)
        del self.resources[meta.key]
        await asyncio.to_thread(forget, self._path(meta).parent)

    async def keep_long_ids(self, meta: Meta, tag: str, ids: Mapping[str, str]) -> None:
        await asyncio.to_thread(write_whole, self._ids_path(meta, tag), encoded_ids(ids))

    async def long_ids(self, meta: Meta, tag: str) -> Mapping[str, str]:
        path = self._ids_path(meta, tag)
        found = await asyncio.to_thread(read_if_there, path)
        return {} if found is None else decoded_ids(found, str(path))

    async def keep_record(self, meta: Meta, status: Status, *, removing: bool = False) -> None:
        await asyncio.to_thread(self._keep, meta, status, removing)

    async def kept_record(self, meta: Meta) -> Kept:
        return await asyncio.to_thread(self._kept, meta)

    async def forget_record(self, meta: Meta, anew: str) -> None:
        await asyncio.to_thread(write_whole, self._copy_path(meta), encoded(None, anew))

    def _keep(self, meta: Meta, status: Status, removing: bool) -> None:
        with self._writing:
            kept = self._kept(meta)
            if not may_replace(status, kept, removing=removing):
                raise Conflict(meta.key)
            write_whole(self._copy_path(meta), encoded(status, kept.anew))

    def _kept(self, meta: Meta) -> Kept:
        path = self._copy_path(meta)
        return decoded(read_if_there(path), str(path))

    def _copy_path(self, meta: Meta) -> Path:
        return self._path(meta).with_name(COPY)

    def _known(self, meta: Meta) -> Resource | None:
        resource = self.resources.get(meta.key)
        return resource if resource and resource.meta.uid == meta.uid else None

    def _read(self, meta: Meta) -> Entry | None:
        path = self._path(meta)
        found = read_if_there(path)
        return None if found is None else parsed(path, found)

    def _write(self, resource: Resource, meta: Meta, status: Status) -> Meta:
        with self._writing:
            before = self._read(meta)
            if before and str(before.version) != meta.resource_version:
                raise Conflict(meta.key)
            version = before.version + 1 if before else 1
            entry = {
                "version": version,
                "spec": before.spec if before else marks(resource.spec),
                "manifest": self._manifest,
                "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
            }
            write_whole(self._path(meta), json.dumps(entry, indent=1, ensure_ascii=False).encode())
        return replace(meta, resource_version=str(version))

    def _all_batches(self) -> set[str]:
        """Batches of every resource that ever ran in this directory, even without its manifest."""
        paths = sorted(path for path in self._directory.glob(RECORDS) if path.is_file())
        return {batch for path in paths for batch in batch_ids(parsed(path, read_if_there(path) or b"").status)}

    def _path(self, meta: Meta) -> Path:
        return folder_of(self._directory, meta.namespace, meta.name) / RECORD

    def _ids_path(self, meta: Meta, tag: str) -> Path:
        return self._path(meta).with_name(LONG_IDS.format(tag))


def recorded(directory: Path) -> list[Recorded]:
    """All runs that the directory has a record of, without its lock.

    Raises:
        Stalled: a record cannot be read.
    """
    found = []
    for path in sorted(directory.glob(RECORDS)):
        if (content := read_if_there(path)) is not None:
            entry = parsed(path, content)
            namespace = path.parent.parent.name.removeprefix("_")
            found.append(Recorded(namespace, path.parent.name, entry.manifest, entry.status))
    return found


def worker_of(directory: Path) -> str | None:
    """The process that works in the directory, and what it does; None where none does."""
    return working(directory / LOCK)


def forget(folder: Path) -> None:
    """Removes the files of a resource, the record last: without it, leftovers are not taken for those of a run."""
    remove(folder, [*folder.glob(LONG_IDS.format("*")), folder / COPY, folder / RECORD])


def parsed(path: Path, content: bytes) -> Entry:
    try:
        entry = bounded_json.parsed(content.decode())
        return Entry(entry["version"], entry["spec"], parse_status(entry), str(entry.get("manifest", "")))
    except (ValueError, KeyError, TypeError) as error:
        raise Stalled(
            f"{path} is not a record that this version can read: restore it, or name another directory with --state",
            reason=Reason.RECORD_UNREADABLE,
        ) from error


def marks(spec: Spec) -> dict[str, str]:
    """A digest of each immutable field; not the field itself, which may hold tickets.

    Defaults are left out, so that a later version with further fields finds the same.
    """
    frozen = {name for name, field in Spec.model_fields.items() if is_immutable(field.json_schema_extra)}
    fields = spec.model_dump(mode="json", by_alias=True, include=frozen, exclude_defaults=True)
    return {name: hashlib.sha256(json.dumps(field).encode()).hexdigest() for name, field in fields.items()}


def is_immutable(extra: Any) -> bool:
    rules = extra.get("x-kubernetes-validations", ()) if isinstance(extra, dict) else ()
    return any(rule["rule"] == "self == oldSelf" for rule in rules)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [f"spec.{name}" for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
