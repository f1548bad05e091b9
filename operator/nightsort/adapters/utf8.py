"""Files that may not be UTF-8, and in which line they are not."""

from __future__ import annotations

import codecs
from base64 import b64decode
from collections.abc import Iterable, Mapping

NOT_UTF8 = "not UTF-8 text; save the file as UTF-8"


class NotBase64(ValueError):
    """The message is the key."""


def line_that_is_not(chunks: Iterable[bytes]) -> int | None:
    """The first line with a byte that is not UTF-8; None where there is none."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    try:
        for chunk in chunks:
            line += decoder.decode(chunk).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return line + error.object[: error.start].count(b"\n")
    return None


def told_apart(binary_data: Mapping[str, object]) -> tuple[dict[str, str], dict[str, int]]:
    """A ConfigMap's binary content by key: what is text after all, and of the other the line that is not UTF-8.

    Raises:
        NotBase64: a value is not what the API server would take.
    """
    texts, lines = {}, {}
    for key, value in binary_data.items():
        content = from_base64(key, value)
        line = line_that_is_not((content,))
        if line is None:
            texts[key] = content.decode()
        else:
            lines[key] = line
    return texts, lines


def from_base64(key: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise NotBase64(key)
    try:
        return b64decode("".join(value.split()), validate=True)
    except ValueError:
        raise NotBase64(key) from None
