"""Translates the API's error answers into the flow's errors, which say who acts next and repeat no text of an answer.

Statuses, types and codes are those of the vendor's SDK 2.12 (`ERROR_CLASSES`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nightsort.domain.errors import Interruption, NotTaken, OutcomeUnknown, RefusedBatch, Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason

MOST_SAID_CHARS = 10_000
"""Characters of an error's text that are read: the API's own texts begin with the cause."""
MOST_RETRY_AFTER = 15 * 60.0
"""Seconds; the vendor's header can ask for a day, and a limit may be lifted before."""
SURELY_REFUSED = frozenset({400, 401, 402, 403, 404, 405, 407, 411, 413, 415, 422, 429, 529})
"""Answers to a create after which nothing was bought; all others leave it open (invariant I2)."""
KEY_OF_THE_CLUSTER = (
    "put a valid one into the Secret that spec.credentials names or, if it names none, into the operator's own Secret "
    "or file; a key in the operator's environment counts from its next start"
)
KEY_OF_THE_ENVIRONMENT = (
    "set the environment variable ANTHROPIC_API_KEY to a valid one, or what spec.credentials of a manifest file names"
)
REFUSED_AS_A_CALL = frozenset({405, 407, 411, 415})
"""Those that no other body would change: a wrong method, a proxy that wants a login, a refused length or type."""
OWN_404 = "not_found_error"
BODY_TIMEOUT = "request_body_timeout"
"""A type of 400: the request was sent too slowly."""
ACCOUNT_CODES = frozenset(
    {
        "cmek_key_disabled",
        "cmek_key_network_blocked",
        "organization_on_hold",
        "organization_type_not_supported",
        "parent_organization_required",
        "storage_quota_exceeded",
        "workspace_policy_violation",
    }
)
"""Causes of a 400 that lie in the account and not in the request."""
_SPEND = re.compile(r"reached your specified\b.{0,80}\busage limits", re.IGNORECASE)
_CREDIT = re.compile(r"credit balance is too low", re.IGNORECASE)
_SHARED = re.compile(
    r"\b(model|max_tokens|thinking|temperature|top_[pk]|system|stop_sequences|anthropic-(version|beta)|beta|"
    r"api[ _-]key|organi[sz]ation|workspace|billing|credit|spend|quota|permission)\b",
    re.IGNORECASE,
)
_OWN = re.compile(r"custom_id|\bmessages?[.\[]|\bcontent\b", re.IGNORECASE)
_INDEX = re.compile(r"\brequests?(?:[.\[ ]+| #)(\d{1,6})\b|\bindex[ :=]+(\d{1,6})\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Failure:
    """An error answer. `text` is read and never shown: it may repeat what was sent.

    `remedy` is what to do about a key that is not accepted.
    """

    status: int
    type: str = ""
    code: str = ""
    text: str = ""
    retry_after: float | None = None
    remedy: str = KEY_OF_THE_CLUSTER

    @classmethod
    def of(cls, status: int, type: object, code: object, text: object, headers: Mapping[str, str]) -> Failure:
        """Reads the parts of the body whatever their type: any server may have written it."""
        said = text[:MOST_SAID_CHARS] if isinstance(text, str) else ""
        return cls(status, word(type), word(code), said, seconds_of(headers.get("retry-after")))

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.status), self.type, self.code) if part)


def word(text: object) -> str:
    """A type or code if it looks like one: a proxy between us and the API may have written it."""
    return text if isinstance(text, str) and _WORD.fullmatch(text) else ""


def seconds_of(retry_after: str | None) -> float | None:
    """The header in seconds, at most 15 minutes; its other form, a date, is ignored."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return min(seconds, MOST_RETRY_AFTER) if seconds >= 0 else None


def refused_call(failure: Failure) -> Interruption:
    """The meaning of an error answer to any call but create and count_tokens."""
    return refused_account(failure) or missing_api(failure) or waiting(failure)


def refused_cursor(failure: Failure) -> Interruption:
    """The meaning of an error answer to a list that starts at a batch: that batch may have been deleted."""
    if failure.status in (400, 404, 422):
        return Waiting(
            f"the list of batches does not lead to where it is asked for ({failure})", reason=Reason.LIST_TOO_LONG
        )
    return refused_call(failure)


def refused_count(failure: Failure) -> Interruption:
    """The meaning of an error answer to count_tokens: a prompt refused here would be refused in every request."""
    return refused_account(failure) or missing_api(failure) or refused_prompt(failure) or waiting(failure)


def refused_prompt(failure: Failure) -> Rejected | None:
    if failure.status not in (400, 413, 422) or failure.code == BODY_TIMEOUT:
        return None
    return Rejected(
        f"spec.prompt: the API refuses it ({failure}): shorten prompt.instructions and what the categories say, "
        "or lower prompt.maxBodyChars, and create the resource again",
        reason=Reason.PROMPT_REFUSED,
    )


def missing_api(failure: Failure) -> Stalled | None:
    """Tells a foreign 404, which lacks the API's own word for it: it says nothing about batches and models."""
    return elsewhere(failure) if failure.status == 404 and failure.type != OWN_404 else None


def elsewhere(failure: Failure) -> NotTaken:
    return NotTaken(
        f"the API has no Message Batches where it was called ({failure}): check the operator's base URL",
        reason=Reason.ENDPOINT_MISSING,
        answer=str(failure),
    )


def refused_create(failure: Failure, tag: str = "") -> Interruption:
    """The meaning of an error answer to a create: OutcomeUnknown where it may have been accepted all the same."""
    if failure.status not in SURELY_REFUSED and not is_redirect(failure):
        return OutcomeUnknown(
            f"the API answered the create call with {failure}, which leaves open whether the batch was accepted",
            reason=Reason.OUTCOME_UNKNOWN,
            retry_after=failure.retry_after,
            answer=str(failure),
        )
    if is_redirect(failure) or failure.status in REFUSED_AS_A_CALL:
        return NotTaken(
            f"the create call was refused whatever it carried ({failure}): check the operator's base URL, and what "
            "stands between it and the API, such as a proxy",
            reason=Reason.CREATE_REFUSED,
            answer=str(failure),
        )
    return refused_account(failure) or refused_batch(failure, tag) or waiting(failure)


def is_redirect(failure: Failure) -> bool:
    """No redirect is followed: it would take the key and the tickets to another server."""
    return 300 <= failure.status < 400


def refused_account(failure: Failure) -> Stalled | None:
    """A person has to correct the key or the account."""
    if is_spend_limit(failure):
        return Stalled(
            f"the account's spend limit is reached ({failure}): raise it in the Claude Console or wait",
            reason=Reason.SPEND_LIMIT_REACHED,
        )
    if failure.status == 402 or (failure.status == 400 and _CREDIT.search(failure.text)):
        return Stalled(
            f"the account has no credit ({failure}): add credit in the Claude Console", reason=Reason.CREDIT_EXHAUSTED
        )
    if failure.status == 401:
        return Stalled(
            f"the API does not accept the key ({failure}): {failure.remedy}",
            reason=Reason.CREDENTIALS_REFUSED,
        )
    if failure.status == 403:
        return Stalled(
            f"the key may not do this ({failure}): check its workspace and permissions",
            reason=Reason.CREDENTIALS_REFUSED,
        )
    if failure.status == 400 and failure.code in ACCOUNT_CODES:
        return Stalled(
            f"the account does not allow this ({failure}): see to it in the Claude Console",
            reason=Reason.ACCOUNT_REFUSED,
        )
    return None


def is_spend_limit(failure: Failure) -> bool:
    by_code = failure.status in (402, 429) and failure.code.endswith("spend_limit_reached")
    return by_code or (failure.status == 400 and bool(_SPEND.search(failure.text)))


def refused_batch(failure: Failure, tag: str = "") -> Interruption | None:
    """Something is wrong with the batch, or with the address that it was sent to.

    If the fault lies in what all requests share, no part of the batch would be accepted.
    """
    if failure.status == 404:
        return elsewhere(failure)
    if failure.status == 413:
        return RefusedBatch(
            f"the batch is too large for the API ({failure}): lower shards.maxBytes, and create the resource again",
            reason=Reason.BATCH_TOO_LARGE,
            answer=str(failure),
        )
    if failure.status in (400, 422) and failure.code != BODY_TIMEOUT:
        if not concerns_all(failure):
            return RefusedBatch(
                f"the API refuses the batch as invalid ({failure}): check model, prompt and "
                "categories, and create the resource again",
                reason=Reason.BATCH_REFUSED,
                answer=str(failure),
                index=index_in(failure.text),
                custom_id=custom_id_in(failure.text, tag),
            )
        return Rejected(
            f"the API refuses the batch as invalid ({failure}): check model, prompt and "
            "categories, and create the resource again",
            reason=Reason.BATCH_REFUSED,
        )
    return None


def concerns_all(failure: Failure) -> bool:
    """Whether a refusal concerns what all requests of a batch share: then no part of it would be accepted, either."""
    if failure.type not in ("", "invalid_request_error"):
        return True
    return bool(_SHARED.search(failure.text)) and not _OWN.search(failure.text)


def index_in(text: str) -> int | None:
    """The request that a message names, such as `requests.12.custom_id: …`."""
    found = _INDEX.search(text)
    return int(found[1] or found[2]) if found else None


def custom_id_in(text: str, tag: str) -> str | None:
    found = re.search(rf"(?<![a-zA-Z0-9_-]){re.escape(tag)}[a-zA-Z0-9_-]{{1,58}}", text) if tag else None
    return found[0] if found else None


def waiting(failure: Failure) -> Waiting:
    """It passes with time."""
    said = {429: "the API's rate limit is reached", 529: "the API is overloaded"}
    reasons = {429: Reason.RATE_LIMITED, 529: Reason.OVERLOADED, 404: Reason.NOT_FOUND}
    return Waiting(
        f"{said.get(failure.status, 'the API answered with an error')} ({failure})",
        reason=reasons.get(failure.status, Reason.API_UNAVAILABLE),
        retry_after=failure.retry_after,
    )
