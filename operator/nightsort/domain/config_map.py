"""A ConfigMap of tickets or rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConfigMap:
    """`data` by key; `version` is the store's mark for guarded writes, empty for a new ConfigMap.

    `binary` are the keys whose content is not UTF-8 text, each with the line where it is not; `flaws` describe the
    content in words. `holder` names its owner in words. None of these three is ever written.
    """

    name: str
    data: Mapping[str, str]
    version: str = ""
    owner_uid: str | None = None
    binary: Mapping[str, int] = field(default_factory=dict)
    flaws: Mapping[str, str] = field(default_factory=dict)
    holder: str | None = field(default=None, compare=False)
