"""Which tickets of a file are to be asked about, of those that need it."""

from __future__ import annotations

from dataclasses import dataclass

from nightsort.domain.answer import Verdict


@dataclass(frozen=True, slots=True)
class Choice:
    """`retry` takes tickets that were answered without a category, too, and `only_retry` no others.

    `verdicts`, if there are any, are those that a retry takes; `limit` is the number of tickets from the beginning.
    """

    retry: bool = False
    only_retry: bool = False
    verdicts: frozenset[str] = frozenset()
    limit: int | None = None

    @property
    def kept(self) -> list[str]:
        """The standings that a retry takes."""
        canceled = not self.verdicts or Verdict.CANCELED in self.verdicts
        return ["retried", "canceled"] if canceled else ["retried"]


ALL = Choice()
