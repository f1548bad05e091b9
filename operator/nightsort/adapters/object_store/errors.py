"""Translates an object store's errors. Messages carry no body and no part of a Secret but its host."""

from __future__ import annotations

import re

from obstore.exceptions import InvalidPathError, PermissionDeniedError, UnauthenticatedError

from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.domain.reasons import Reason

ILLEGAL = re.compile(r'(?:segment|path): "((?:[^"\\]|\\.)*+)"')
MOST_NAME_CHARS = 64
MOST_SAID_CHARS = 10_000
"""Characters of the library's text that are read: the store's whole answer is at its end."""
STATUS = re.compile(r"status code: (\d{3})")
"""Only some calls have an exception of their own for each status; all of them have the status in their text."""
TIME_CURES = frozenset({408, 425, 429})


def interruption(error: Exception, place: str, scheme: str, *, rights: str, at: str = "") -> Interruption:
    """The error in the flow's terms. `place` begins the message, `rights` says what the credentials must allow.

    `at` is the store's host and port, or its bucket, behind the word at or of.
    """
    said = str(error)[:MOST_SAID_CHARS]
    if isinstance(error, (InvalidPathError, ValueError)):  # an invalid name; the library accepts fewer than stores do
        return unusable_name(said, place)
    status = status_in(error)
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or status in (401, 403):
        what = f"the store refuses the credentials, or they lack a right: they need to {rights}"
        return Stalled(f"{place}: {what}", reason=Reason.PERMISSION_DENIED)
    if isinstance(error, FileNotFoundError) or status == 404:
        return Stalled(f"{place}: the store has no such bucket, or does not show it", reason=Reason.BUCKET_MISSING)
    if scheme == "file":
        return Stalled(f"{place}: the files or their directory cannot be used", reason=Reason.STORE_REFUSED)
    if 300 <= status < 400 or "redirect" in said:
        return Stalled(f"{place}: the bucket is elsewhere; check region and endpoint", reason=Reason.STORE_REFUSED)
    if (400 <= status < 500 and status not in TIME_CURES) or status == 501:
        return Stalled(f"{place}: the store refuses the request with status {status}", reason=Reason.STORE_REFUSED)
    how = f"it answered with status {status}" if status else type(error).__name__
    return Waiting(f"{place}: the store{at} cannot be reached, or is busy ({how})", reason=Reason.STORE_UNREACHABLE)


def status_in(error: Exception) -> int:
    """The status that a store has answered with; 0 where there is none."""
    found = STATUS.search(str(error)[:MOST_SAID_CHARS])
    return int(found[1]) if found else 0


def unusable_name(said: str, place: str) -> Stalled:
    """The error for a name, which the library gives in its own escaped form in some places."""
    found = ILLEGAL.search(said)
    name = f" {found[1][:MOST_NAME_CHARS]!r}" if found else ""
    what = "a control character such as a tab, a part of dots or without a letter, or bytes that are no UTF-8"
    return Stalled(f"{place}: an object's name{name} has {what}: rename it", reason=Reason.OBJECT_NAME)
