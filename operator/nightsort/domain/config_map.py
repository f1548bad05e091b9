"""A ConfigMap of tickets or rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConfigMap:
    """`data` by key; `version` is the store's mark for guarded writes, empty for one that is to be created.

    `binary` are the keys whose content is no UTF-8 text, each with the line that is not; `flaws` say what it
    is in words. `holder` says in words whose it is. None of them is ever written.
    """

    name: str
    data: Mapping[str, str]
    version: str = ""
    owner_uid: str | None = None
    binary: Mapping[str, int] = field(default_factory=dict)
    flaws: Mapping[str, str] = field(default_factory=dict)
    holder: str | None = field(default=None, compare=False)
