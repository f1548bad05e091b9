"""The bytes of a ConfigMap's key, from `data` or `binaryData`."""

from __future__ import annotations

from dataclasses import dataclass

from nightsort.domain.config_map import ConfigMap


@dataclass(frozen=True, slots=True)
class Content:
    """`is_binary`: the bytes are in the file's own encoding. Text has characters, and is UTF-8 here."""

    packed: bytes
    is_binary: bool = False


def content_of(config_map: ConfigMap, key: str) -> Content | None:
    """The content of a key; None where there is no such key, or only a description of its content."""
    if key in config_map.raw:
        return Content(config_map.raw[key], is_binary=True)
    if key in config_map.data:
        return Content(config_map.data[key].encode("utf-8", "replace"))
    return None
