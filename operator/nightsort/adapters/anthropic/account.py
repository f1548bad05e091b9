"""The account that the API's answers name, and a digest of the key in use."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from nightsort.domain.account import Account

ORGANIZATION, WORKSPACE = "anthropic-organization-id", "anthropic-workspace-id"
"""Headers of an answer; the SDK's 2.12 reads both."""
KEY_DIGITS = 16
"""Length of a key's digest: enough to tell the keys of one resource apart, and far too short to reveal the key."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Names:
    """The account that answers have named last. An answer that names none changes nothing."""

    def __init__(self) -> None:
        self._organization = self._workspace = ""

    def note(self, headers: Mapping[str, str]) -> None:
        self._organization = name_in(headers.get(ORGANIZATION)) or self._organization
        self._workspace = name_in(headers.get(WORKSPACE)) or self._workspace

    def account(self, key: str | None, salt: str) -> Account:
        digest = hashlib.sha256(f"{salt}:{key}".encode()).hexdigest()[:KEY_DIGITS]
        return Account(self._organization, self._workspace, digest)


def name_in(header: str | None) -> str:
    """A header's value if it looks like a name: a proxy between us and the API may have written it."""
    return header if header and _NAME.fullmatch(header) else ""
