"""The binary content of a ConfigMap: text after all, or a description of it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping

from nightsort.domain.file_kinds import Flaw, flaw_in


class NotBase64(ValueError):
    """The message is the key."""


def decoded(binary_data: Mapping[str, object]) -> dict[str, bytes]:
    """A ConfigMap's binary content by key.

    Raises:
        NotBase64: the API server would not accept a value.
    """
    return {key: from_base64(key, value) for key, value in binary_data.items()}


def told_apart(raw: Mapping[str, bytes]) -> tuple[dict[str, str], dict[str, Flaw]]:
    """Binary content by key: text where it is UTF-8, else the place where it is not."""
    texts, flaws = {}, {}
    for key, content in raw.items():
        flaw = flaw_in((content,))
        if flaw is None:
            texts[key] = content.decode()
        else:
            flaws[key] = flaw
    return texts, flaws


def from_base64(key: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise NotBase64(key)
    try:
        return b64decode("".join(value.split()), validate=True)
    except ValueError:
        raise NotBase64(key) from None
