"""Translates a failed call into the flow's errors, by the SDK's exceptions and their causes."""

from __future__ import annotations

import errno
from collections.abc import Callable

import httpx2
from anthropic import AnthropicError, APIStatusError

from nightsort.adapters.anthropic.errors import Failure, refused_call, refused_create
from nightsort.domain.errors import Interruption, OutcomeUnknown, Waiting
from nightsort.domain.reasons import Reason

MOST_CAUSES = 10
NEVER_CONNECTED = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
FAILED = (AnthropicError, httpx2.HTTPError, TimeoutError)
"""Exceptions of calls that failed, or whose answer is none."""


def failed_create(error: Exception, tag: str = "") -> Interruption:
    if isinstance(error, APIStatusError):
        return refused_create(failure_of(error), tag)
    if isinstance(error.__cause__, Interruption):  # raised by the reader of the body, wrapped by the SDK
        return error.__cause__
    if isinstance(error.__cause__ or error, NEVER_CONNECTED):
        return unreachable(error)
    return OutcomeUnknown(
        "the answer to the create call was lost, late or not understood; whether the batch was accepted is found out",
        answer=type(error.__cause__ or error).__name__,
    )


def failed_call(error: Exception, refused: Callable[[Failure], Interruption] = refused_call) -> Interruption:
    return refused(failure_of(error)) if isinstance(error, APIStatusError) else unreachable(error)


def unreachable(error: Exception) -> Waiting:
    kind = type(error.__cause__ or error).__name__
    cause = f"{kind}: {code}" if (code := system_code(error)) else kind
    return Waiting(f"the API cannot be reached ({cause}); it is tried again", reason=Reason.API_UNAVAILABLE)


def system_code(error: BaseException | None) -> str:
    """The system's error with a connection, by its name: EMFILE needs another repair than ECONNREFUSED."""
    for _ in range(MOST_CAUSES):
        if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
            return errno.errorcode[error.errno]
        error = error and (error.__cause__ or error.__context__)
    return ""


def failure_of(error: APIStatusError) -> Failure:
    return Failure.of(error.status_code, error.type, error.error_code, error.api_message, error.response.headers)
