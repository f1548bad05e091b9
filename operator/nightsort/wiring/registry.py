"""The kinds of sources and sinks, by the names of their fields in `spec.source` and `spec.results`.

A new kind is one package in `adapters/`, one model in `api/`, one line here, and one line in the contract suite.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from nightsort.system.opening import SinkKind, SourceKind

KINDS = {
    "inline": "nightsort.adapters.inline.opening:InlineKind",
    "config_map": "nightsort.adapters.config_map.opening:ConfigMapKind",
    "database": "nightsort.adapters.sql.opening:DatabaseKind",
    "object_store": "nightsort.adapters.object_store.opening:ObjectStoreKind",
}
"""Imported when a resource first names the kind: database drivers and object stores take a second to load."""

LOCAL = {"row_file": "nightsort.adapters.local.row_file:RowFileKind"}
"""What takes the place of a kind in local mode; no resource names it."""


class Registry:
    """One instance of each kind for a process."""

    def __init__(self) -> None:
        self._kinds: dict[str, object] = {}

    def source(self, kind: str) -> SourceKind:
        return cast(SourceKind, self._kind(kind))

    def sink(self, kind: str) -> SinkKind:
        return cast(SinkKind, self._kind(kind))

    def _kind(self, kind: str) -> object:
        if kind not in self._kinds:
            module, _, name = (KINDS | LOCAL)[kind].partition(":")
            self._kinds[kind] = getattr(import_module(module), name)()
        return self._kinds[kind]
