"""What a ConfigMap holds as binary content: text after all, or what is told of it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping

from nightsort.domain.file_kinds import Flaw, flaw_in


class NotBase64(ValueError):
    """The message is the key."""


def told_apart(binary_data: Mapping[str, object]) -> tuple[dict[str, str], dict[str, Flaw]]:
    """A ConfigMap's binary content by key: what is text after all, and of the other where it is not UTF-8.

    Raises:
        NotBase64: a value is not what the API server would take.
    """
    texts, flaws = {}, {}
    for key, value in binary_data.items():
        content = from_base64(key, value)
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
