"""Judges answers: verdict, category, reason, and whether another try can help."""

from __future__ import annotations

from typing import assert_never

import msgspec

from nightsort.api.batch_record import FIRST_RULES, RULES, BatchRecord
from nightsort.api.categories import UnknownLabel
from nightsort.api.spec import Spec
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.fields import Value, fields_of
from nightsort.domain.first_rules import FirstLabels
from nightsort.domain.json_reading import SHOWN_CHARS, JsonReader, Read, shown
from nightsort.domain.label import UNTOLD, WHOLE, Labels
from nightsort.domain.printable import printable

PASSING_ERRORS = frozenset({"api_error", "overloaded_error", "rate_limit_error", "timeout_error"})
MOST_REASON_CHARS = 500
MAX_TOKENS = "max_tokens"
INVALID = "invalid_request_error"
"""The error type of a request that is refused for what it is, and would be refused again."""
UNREADABLE = "unreadable_result"
"""The error type of a result that exists and cannot be understood."""


class Judgement(msgspec.Struct, frozen=True, gc=False):
    verdict: Verdict
    category: str | None = None
    reason: str = ""
    may_pass: bool = False
    values: tuple[Value, ...] = ()
    """The answers to the fields of the spec, in their order; empty where there is no answer."""


def is_asked_again(judgement: Judgement, record: BatchRecord, backoff_limit: int) -> bool:
    """Whether a ticket of this batch gets another attempt: its failure can pass, or we cancelled it ourselves.

    A batch that a suspension has ended does not count as an attempt of its tickets.
    """
    match judgement.verdict:
        case Verdict.CANCELED:
            return record.canceled
        case Verdict.UNKNOWN | Verdict.ERRORED | Verdict.EXPIRED:
            return judgement.may_pass and record.attempt - record.spared < backoff_limit
        case Verdict.LABELED | Verdict.REFUSED | Verdict.TRUNCATED | Verdict.MISSING | Verdict.UNSENDABLE:
            return False
        case _:
            assert_never(judgement.verdict)


def is_billed(answer: Answer) -> bool:
    """A refusal before any output is not billed, though it reports usage (vendor's documentation, 2026-11-22)."""
    return answer.stop_reason != "refusal" or answer.output_tokens > 0


def has_price(answer: Answer) -> bool:
    """Whether the cost of an answer is known: its usage is there, or it surely was not billed.

    Errors, canceled and expired answers are not billed (vendor's documentation, 2026-11-22). An answer that never
    came, cannot be read or is of an unknown kind may have been billed.
    """
    match answer.outcome:
        case "succeeded":
            used = answer.input_tokens + answer.cache_read_tokens
            used += answer.cache_write_tokens + answer.cache_write_hour_tokens
            return answer.usage_known and (used > 0 or not is_billed(answer))
        case "errored":
            return answer.error_type != UNREADABLE
        case "canceled" | "expired":
            return True
        case _:
            return False


class Judge:
    """Applies a resource's categories and its rule for unknown labels.

    `rules` are those by which a collected batch was judged: the tickets left for a retry stay the same.
    """

    def __init__(self, spec: Spec, rules: int = RULES) -> None:
        self._labels = FirstLabels(spec.categories) if rules == FIRST_RULES else Labels(spec.categories)
        self._unknown = spec.unknown_label
        self._max_tokens = spec.prompt.max_tokens
        self._json = JsonReader(spec) if fields_of(spec) else None

    def of(self, answer: Answer) -> Judgement:
        match answer.outcome:
            case "succeeded":
                return self._of_message(answer)
            case "expired":
                return Judgement(Verdict.EXPIRED, reason="not run within 24 hours", may_pass=True)
            case "canceled":
                return Judgement(Verdict.CANCELED, reason="the batch was canceled before this request ran")
            case _:
                return of_error(answer.error_type)

    def _of_message(self, answer: Answer) -> Judgement:
        if answer.stop_reason == "refusal":
            return Judgement(Verdict.REFUSED, reason="the model refused to answer")
        if self._json is not None:
            return self._of_object(answer, self._json)
        category = self._labels.match(answer.text)
        if self._labels.is_cut(answer.text, category, answer.stop_reason):
            return Judgement(Verdict.TRUNCATED, reason=self._why_cut(answer, category))
        if category is not None:
            return Judgement(Verdict.LABELED, category)
        return of_unknown(answer.text, self._unknown)

    def _of_object(self, answer: Answer, reader: JsonReader) -> Judgement:
        """Of an answer that was to be a JSON object: one that is whole counts, however the answer ended."""
        read = reader.read(answer.text)
        if read is None and answer.stop_reason not in (WHOLE, UNTOLD):
            return Judgement(Verdict.TRUNCATED, reason=self._why_cut(answer, None))
        read = read or reader.without_fields(answer.text)
        if read is None:
            return of_unknown(answer.text, self._unknown, "is not the JSON object that was asked for")
        if read.category is None:
            return with_values(of_unknown(read.said, self._unknown), read)
        return with_values(Judgement(Verdict.LABELED, read.category), read)

    def _why_cut(self, answer: Answer, category: str | None) -> str:
        by = f"within prompt.maxTokens ({self._max_tokens} tokens)"
        if answer.stop_reason != MAX_TOKENS:
            by = f"before the answer ended with {printable(answer.stop_reason[:SHOWN_CHARS]) or 'no stop reason'}"
        if category is None:
            return f"no category {by}"
        return f"no certain category {by}: {shown(answer.text)} may be the beginning of another one"


def of_error(error_type: str) -> Judgement:
    kind = error_type or "unknown error"
    return Judgement(Verdict.ERRORED, reason=kind, may_pass=kind in PASSING_ERRORS)


def with_values(judgement: Judgement, read: Read) -> Judgement:
    """The judgement of a category with the fields beside it: those that are Unknown are named in the reason."""
    reason = "; ".join(filter(None, (judgement.reason, *read.wrong)))
    return msgspec.structs.replace(judgement, reason=reason[:MOST_REASON_CHARS], values=read.values)


def of_unknown(text: str, rule: UnknownLabel, why: str = "is none of the categories") -> Judgement:
    reason = f"the answer {shown(text)} {why}"
    if rule.action == "Fallback":
        return Judgement(Verdict.UNKNOWN, rule.category, f"{reason}; fell back")
    return Judgement(Verdict.UNKNOWN, None, reason, may_pass=rule.action == "Retry")
