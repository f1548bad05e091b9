"""ConfigMaps of local mode: read from the manifest file, and written to directories of files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from nightsort.adapters.local.places import folder_of, remove
from nightsort.api.model import KIND
from nightsort.api.resource import Meta
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Conflict, Stalled
from nightsort.domain.reasons import Reason
from nightsort.formats.encoding import NotBase64, decoded, told_apart
from nightsort.system.files import read_if_there, write_whole

# Beside the keys of a ConfigMap, out of sight: its owner, and the number of its writes.
MARK = ".config-map.json"
INDEX = "index.json"
IN_MANIFEST = "manifest"


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of the file MARK; earlier versions did not write down the name."""

    namespace: str
    owner: str
    version: int
    keys: list[str]
    name: str = ""


class FileConfigMaps:
    """A key of a written ConfigMap is the file DIRECTORY/<namespace>/<name>/<key>.

    Earlier versions left out the namespace: their runs are found, and go on, where they are. `documents` are
    ConfigMaps as in manifests.
    """

    def __init__(self, directory: Path, documents: Iterable[Mapping[str, Any]] = ()) -> None:
        self._directory = directory
        self._writing = Lock()
        """The directory's lock keeps other processes out, from the read of a version to its replacement."""
        self._documents = {place_of(document): document for document in documents}

    def clear(self) -> None:
        """Forgets all ConfigMaps that were ever written here."""
        for pattern in (f"*/{MARK}", f"*/*/{MARK}"):
            for path in self._directory.glob(pattern):
                keys = mark_of(read_if_there(path) or b"", path).keys
                remove(path.parent, [*(path.with_name(key) for key in keys), path])

    def folder_of(self, namespace: str, name: str) -> Path:
        """The folder in which the keys of a ConfigMap are files, or will be."""
        former = self._directory / name
        found = read_if_there(former / MARK)
        began_there = found is not None and mark_of(found, former / MARK).namespace == namespace
        return former if began_there else folder_of(self._directory, namespace, name)

    def owner_of(self, namespace: str, name: str) -> tuple[str, str] | None:
        """The uid of a ConfigMap's owner, and its name for people, which are empty for a document of the manifest file.

        None where there is no such ConfigMap.
        """
        if (namespace, name) in self._documents:
            return "", ""
        path = self.folder_of(namespace, name) / MARK
        found = read_if_there(path)
        if found is None:
            return None
        mark = mark_of(found, path)
        return mark.owner, f"{KIND} {mark.name or mark.owner}"

    def has_parts(self, namespace: str, name: str) -> bool:
        """Whether rows are there in the form of earlier versions: cut into parts, as large as a ConfigMap may be."""
        return (self.folder_of(namespace, name) / INDEX).is_file()

    @property
    def writing(self) -> Lock:
        return self._writing

    async def read(self, namespace: str, name: str) -> ConfigMap | None:
        document = self._documents.get((namespace, name))
        if document is not None:
            return in_manifest(name, document)
        return await asyncio.to_thread(self._read, namespace, name)

    async def write(self, owner: Meta, config_map: ConfigMap) -> ConfigMap:
        if (owner.namespace, config_map.name) in self._documents:
            raise Conflict(config_map.name)
        return await asyncio.to_thread(self._write, owner, config_map)

    def _read(self, namespace: str, name: str) -> ConfigMap | None:
        folder = self.folder_of(namespace, name)
        found = read_if_there(folder / MARK)
        if found is None:
            return None
        mark = mark_of(found, folder / MARK)
        data = {key: (read_if_there(folder / key) or b"").decode(errors="replace") for key in mark.keys}
        # Earlier versions did not write down the name.
        return ConfigMap(name, data, str(mark.version), mark.owner, holder=f"{KIND} {mark.name or mark.owner}")

    def _write(self, owner: Meta, config_map: ConfigMap) -> ConfigMap:
        with self._writing:
            before = self._read(owner.namespace, config_map.name)
            if config_map.version != (before.version if before else ""):
                raise Conflict(config_map.name)
            return self._replace(owner, config_map, before)

    def _replace(self, owner: Meta, config_map: ConfigMap, before: ConfigMap | None) -> ConfigMap:
        """Writes the keys first, the mark last: writing again after a crash gives the same result."""
        folder = self.folder_of(owner.namespace, config_map.name)
        version = int(config_map.version or "0") + 1
        mark = Mark(owner.namespace, owner.uid, version, sorted(config_map.data), owner.name)
        for key, text in config_map.data.items():
            write_whole(folder / key, text.encode())
        write_whole(folder / MARK, msgspec.json.encode(mark))
        for key in (before.data if before else {}).keys() - config_map.data.keys():
            (folder / key).unlink(missing_ok=True)
        return ConfigMap(config_map.name, dict(config_map.data), str(version), owner.uid, holder=f"{KIND} {owner.name}")


def mark_of(content: bytes, path: Path) -> Mark:
    """
    Raises:
        Stalled: it is no ConfigMap.
    """
    try:
        return msgspec.json.decode(content, type=Mark)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise Stalled(
            f"{path} does not say whose results are beside it: restore it, or remove the folder",
            reason=Reason.RECORD_UNREADABLE,
        ) from None


def place_of(document: Mapping[str, Any]) -> tuple[str, str]:
    metadata = document.get("metadata") or {}
    return metadata.get("namespace") or "default", metadata.get("name") or ""


def in_manifest(name: str, document: Mapping[str, Any]) -> ConfigMap:
    try:
        raw = decoded(document.get("binaryData") or {})
    except NotBase64 as wrong:
        raise Stalled(
            f"ConfigMap {name}: binaryData.{wrong} must be base64", reason=Reason.CONFIG_MAP_INVALID
        ) from None
    more, flaws = told_apart(raw)
    return ConfigMap(
        name,
        more | texts(name, document.get("data") or {}),
        IN_MANIFEST,
        binary={key: flaw.line for key, flaw in flaws.items()},
        flaws={key: flaw.what for key, flaw in flaws.items()},
        raw=raw,
    )


def texts(name: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Only text is accepted, as by the API server: a number that YAML has parsed may differ from the written one."""
    for key, value in data.items():
        if not isinstance(value, str):
            raise Stalled(
                f"ConfigMap {name}: data.{key} must be text: put it in quotes", reason=Reason.CONFIG_MAP_INVALID
            )
    return dict(data)
