"""Errors that say who moves next. Adapters translate each library's errors into these at their own door."""

from __future__ import annotations

from typing import ClassVar

from nightsort.domain.printable import printable
from nightsort.domain.reasons import Reason


class Interruption(Exception):
    """A move could not be finished. `reason` is the word for conditions, the message is for people.

    Messages are stable while the cause is the same, and carry no ticket text, secret or response body. They end in
    statuses, events, logs and on terminals: a name with an escape sequence in it is shown, and not obeyed.
    """

    usual: ClassVar[Reason]
    """The reason where none is given: commands end with the message alone."""

    def __init__(self, message: str, *, reason: Reason | None = None) -> None:
        self.message = printable(message)
        super().__init__(self.message)
        self.reason = reason or self.usual


class Waiting(Interruption):
    """Time cures it: a rate limit, an outage, a full queue, something that may be created yet.

    `retry_after` is in seconds, when the other side said so. `every`, in seconds, looks again at a steady pace, where
    nothing is wrong and backing off would only be late. `tries` is how often in a row it is waited for, where time may
    cure it or not: then a person is asked.
    """

    usual = Reason.WAITING

    def __init__(
        self,
        message: str,
        *,
        reason: Reason | None = None,
        retry_after: float | None = None,
        every: float | None = None,
        tries: int | None = None,
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after
        self.every = every
        self.tries = tries

    def after(self, failures: int) -> Interruption:
        """What it is after so many failures in a row."""
        if self.tries is None or failures <= self.tries:
            return self
        return Stalled(self.message, reason=self.reason)


class OutcomeUnknown(Waiting):
    """A create may have been accepted: its answer was cut, late, or one that does not tell.

    `answer` is its code and type, or what came in its place.
    """

    usual = Reason.OUTCOME_UNKNOWN

    def __init__(
        self, message: str, *, reason: Reason | None = None, retry_after: float | None = None, answer: str = ""
    ) -> None:
        super().__init__(message, reason=reason, retry_after=retry_after)
        self.answer = answer


class Stalled(Interruption):
    """A person must change something outside the resource; the run goes on by itself when that has happened."""

    usual = Reason.STALLED


class NotTaken(Stalled):
    """A create was refused whatever it carried, by a redirect, a proxy or a wrong address. `answer` as above."""

    usual = Reason.CREATE_REFUSED

    def __init__(self, message: str, *, reason: Reason | None = None, answer: str = "") -> None:
        super().__init__(message, reason=reason)
        self.answer = answer


class SourceChanged(Stalled):
    """The tickets up to a cursor are not those of before: going on could buy some twice, and leave others out."""

    usual = Reason.SOURCE_CHANGED


class Rejected(Interruption):
    """The spec can never work: the resource ends as Failed."""

    usual = Reason.REJECTED


class RefusedBatch(Rejected):
    """A create was refused for what it carried, and parts of it may be taken.

    `answer` is its code and type; `index` and `custom_id` are of the request that it names, where it names one.
    """

    usual = Reason.BATCH_REFUSED

    def __init__(
        self,
        message: str,
        *,
        reason: Reason | None = None,
        answer: str = "",
        index: int | None = None,
        custom_id: str | None = None,
    ) -> None:
        super().__init__(message, reason=reason)
        self.answer = answer
        self.index = index
        self.custom_id = custom_id


class Conflict(Exception):
    """Somebody else wrote the resource since it was read: look again."""


class Gone(Exception):
    """The resource does not exist any more."""
