"""The API's objects in their form on the wire, and its errors."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Any, Literal

import msgspec

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
VERSIONS = frozenset({"2023-01-01", "2023-06-01", "2026-10-21"})

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def new_id(prefix: str) -> str:
    """An identifier in the API's form, e.g. `msgbatch_01` and 22 further characters."""
    return f"{prefix}_01" + "".join(secrets.choice(ALPHABET) for _ in range(22))


class ApiFailure(Exception):
    """An error answer: its HTTP status, type and message, and its further fields."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str | None = None,
        error_code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type or ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        self.error_code = error_code
        self.retry_after = retry_after

    def body(self, request_id: str) -> bytes:
        """The error as JSON."""
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        if self.error_code:
            error["details"] = {"error_code": self.error_code}
        return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One request of a batch; `params` stay unread, because the API checks them only later."""

    custom_id: str
    params: msgspec.Raw


class CreateBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a create call."""

    requests: list[Request]


class RequestCounts(msgspec.Struct, frozen=True):
    """The numbers of a batch's requests by state."""

    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class MessageBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as the API shows it."""

    id: str
    type: Literal["message_batch"] = "message_batch"
    processing_status: Literal["in_progress", "canceling", "ended"]
    request_counts: RequestCounts
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    cancel_initiated_at: datetime | None = None
    archived_at: datetime | None = None
    results_url: str | None = None


class Page(msgspec.Struct, frozen=True):
    """One page of a list."""

    data: list[Any]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ItemError(msgspec.Struct, frozen=True):
    """The inner error of an errored request."""

    type: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """An error in its form in a result line."""

    error: ItemError
    request_id: str | None = None
    type: Literal["error"] = "error"


class CacheCreation(msgspec.Struct, frozen=True):
    """Tokens that were written into the cache, by how long they stay there."""

    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0


class OutputDetails(msgspec.Struct, frozen=True):
    """How many of the output tokens were thinking."""

    thinking_tokens: int = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The usage of a request, in tokens."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation: CacheCreation = CacheCreation()
    output_tokens_details: OutputDetails | None = None
    server_tool_use: None = None
    service_tier: Literal["batch", "standard"] = "batch"
    inference_geo: str = "global"


class TextBlock(msgspec.Struct, frozen=True, tag="text", tag_field="type"):
    """A block of text."""

    text: str
    citations: None = None


class ThinkingBlock(msgspec.Struct, frozen=True, tag="thinking", tag_field="type"):
    """A block of thinking."""

    thinking: str
    signature: str


class StopDetails(msgspec.Struct, frozen=True):
    """Why the model refused."""

    type: Literal["refusal"] = "refusal"
    category: str | None = "general_harms"
    explanation: str | None = "The simulator was asked to refuse this request."


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The model's answer to one request."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[TextBlock | ThinkingBlock]
    stop_reason: str
    stop_sequence: None = None
    stop_details: StopDetails | None = None
    container: None = None
    usage: Usage


class Succeeded(msgspec.Struct, frozen=True, tag="succeeded", tag_field="type"):
    """A request that was answered."""

    message: Message


class Errored(msgspec.Struct, frozen=True, tag="errored", tag_field="type"):
    """A request that failed."""

    error: ErrorBody


class Canceled(msgspec.Struct, frozen=True, tag="canceled", tag_field="type"):
    """A request that was not processed because the batch was canceled."""


class Expired(msgspec.Struct, frozen=True, tag="expired", tag_field="type"):
    """A request that was not processed in time."""


Result = Succeeded | Errored | Canceled | Expired


class Line(msgspec.Struct, frozen=True):
    """One line of a results file."""

    custom_id: str
    result: Result
