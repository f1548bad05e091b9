"""A ConfigMap of tickets or rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConfigMap:
    """`data` by key; `version` is the store's mark for guarded writes, empty for a new ConfigMap.

    `binary` are the keys whose content is not UTF-8 text, each with the line where it is not; `flaws` describe the
    content in words. `raw` are the bytes of all keys of `binaryData`; those that are text are under `data` too.
    `holder` names its owner in words. None of these four is ever written.
    """

    name: str
    data: Mapping[str, str]
    version: str = ""
    owner_uid: str | None = None
    binary: Mapping[str, int] = field(default_factory=dict)
    flaws: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, bytes] = field(default_factory=dict)
    holder: str | None = field(default=None, compare=False)
