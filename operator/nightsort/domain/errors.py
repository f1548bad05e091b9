"""Errors that say who acts next. Adapters translate each library's errors into these where they call the library."""

from __future__ import annotations

from typing import ClassVar

from nightsort.domain.printable import printable
from nightsort.domain.reasons import Reason


class Interruption(Exception):
    """An action could not be finished. `reason` is the word for conditions, the message is for people.

    Messages are stable while the cause is the same, and carry no ticket text, secret or response body. They are shown
    in statuses, events, logs and on terminals: escape sequences in a name are made visible and have no effect.
    """

    usual: ClassVar[Reason]
    """The default reason: commands end with the message alone."""

    def __init__(self, message: str, *, reason: Reason | None = None) -> None:
        self.message = printable(message)
        super().__init__(self.message)
        self.reason = reason or self.usual


class Waiting(Interruption):
    """It passes with time: a rate limit, an outage, a full queue, an object that may be created yet.

    `retry_after` is in seconds, when the server said so. `every`, in seconds, is a steady pace for retries, where
    nothing is wrong and a backoff would only cause delay. `tries` is the number of tries in a row where it is not
    certain that time helps: after them a person has to act.
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
        """The interruption to report after this many failures in a row."""
        if self.tries is None or failures <= self.tries:
            return self
        return Stalled(self.message, reason=self.reason)


class OutcomeUnknown(Waiting):
    """A create may have been accepted: its answer was cut, late, or inconclusive.

    `answer` is the answer's code and type, or the error that came instead.
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
    """A create was refused whatever its content, by a redirect, a proxy or a wrong address. `answer` as above."""

    usual = Reason.CREATE_REFUSED

    def __init__(self, message: str, *, reason: Reason | None = None, answer: str = "") -> None:
        super().__init__(message, reason=reason)
        self.answer = answer


class SourceChanged(Stalled):
    """The tickets up to a cursor differ from the earlier ones: going on could buy some twice and leave others out."""

    usual = Reason.SOURCE_CHANGED


class Rejected(Interruption):
    """The spec can never work: the resource ends as Failed."""

    usual = Reason.REJECTED


class RefusedBatch(Rejected):
    """A create was refused for its content, and parts of it may be accepted.

    `answer` is its code and type; `index` and `custom_id` belong to the request that it names, if it names one.
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
    """Somebody else wrote the resource since it was read: reconcile again."""


class Gone(Exception):
    """The resource does not exist any more."""
