"""The operator's own API key in a file that may be replaced at any time: the kubelet does so as its Secret changes."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISREG

from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason

MOST_BYTES = 4096
"""A key has about a hundred characters; the file is read where a read must be quick."""


def key_in(path: Path) -> str:
    """The key in the file at this moment, without surrounding blanks.

    Raises:
        Stalled: there is none; the run goes on when there is one.
    """
    try:
        content = beginning_of(path)
    except OSError as error:
        raise no_key(path, f"cannot be read: {error.strerror}") from None
    if content is None:
        raise no_key(path, "is no file")
    if len(content) > MOST_BYTES:
        raise no_key(path, f"has more than {MOST_BYTES} bytes")
    key = content.decode("utf-8", errors="replace").strip()
    if not key:
        raise no_key(path, "is empty")
    return key


def beginning_of(path: Path) -> bytes | None:
    """Up to one byte more than a key may have; None for a path that is no file, such as a pipe, which could block."""
    with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        return file.read(MOST_BYTES + 1) if S_ISREG(os.fstat(file.fileno()).st_mode) else None


def no_key(path: Path, why: str) -> Stalled:
    return Stalled(
        "the resource names no credentials, and the operator has no key of its own: "
        f"{path}, which NIGHTSORT_ANTHROPIC_API_KEY_FILE names, {why}",
        reason=Reason.CREDENTIALS_MISSING,
    )
