"""Translates a failed call into the flow's errors, by the SDK's exceptions and their causes."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace

import httpx2
from anthropic import AnthropicError, APIConnectionError, APIStatusError

from nightsort.adapters.anthropic.errors import KEY_OF_THE_CLUSTER, Failure, refused_call, refused_create
from nightsort.domain.errors import Interruption, OutcomeUnknown, Waiting
from nightsort.domain.reasons import Reason

MOST_CAUSES = 10
DEFAULT_PORTS = {"https": 443, "http": 80}
NEVER_CONNECTED = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
FAILED = (AnthropicError, httpx2.HTTPError, TimeoutError)
"""Exceptions of calls that failed, or whose answer is none."""


def failed_create(error: Exception, tag: str = "", remedy: str = KEY_OF_THE_CLUSTER) -> Interruption:
    if isinstance(error, APIStatusError):
        return refused_create(failure_of(error, remedy), tag)
    if isinstance(error.__cause__, Interruption):  # raised by the reader of the body, wrapped by the SDK
        return error.__cause__
    if isinstance(error.__cause__ or error, NEVER_CONNECTED):
        return unreachable(error)
    return OutcomeUnknown(
        "the answer to the create call was lost, late or not understood; whether the batch was accepted is found out",
        answer=type(error.__cause__ or error).__name__,
    )


def failed_call(
    error: Exception,
    refused: Callable[[Failure], Interruption] = refused_call,
    remedy: str = KEY_OF_THE_CLUSTER,
) -> Interruption:
    return refused(failure_of(error, remedy)) if isinstance(error, APIStatusError) else unreachable(error)


def unreachable(error: Exception) -> Waiting:
    kind = type(error.__cause__ or error).__name__
    cause = f"{kind}: {code}" if (code := system_code(error)) else kind
    return Waiting(f"the API{place_of(error)} cannot be reached ({cause})", reason=Reason.API_UNAVAILABLE)


def place_of(error: Exception) -> str:
    """The host and port that were called, behind the word at, where the error knows its request."""
    try:
        url = error.request.url if isinstance(error, (APIConnectionError, httpx2.RequestError)) else None
    except RuntimeError:  # the library raises it for an error without a request
        return ""
    return f" at {authority(url)}" if url is not None else ""


def authority(url: httpx2.URL) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{url.port or DEFAULT_PORTS.get(url.scheme, '')}"


def system_code(error: BaseException | None) -> str:
    """The system's error with a connection, by its name: EMFILE needs another repair than ECONNREFUSED."""
    for _ in range(MOST_CAUSES):
        if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
            return errno.errorcode[error.errno]
        error = error and (error.__cause__ or error.__context__)
    return ""


def failure_of(error: APIStatusError, remedy: str) -> Failure:
    told = Failure.of(error.status_code, error.type, error.error_code, error.api_message, error.response.headers)
    return replace(told, remedy=remedy)
