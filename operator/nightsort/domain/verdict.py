"""Judges answers: verdict, category, reason, and whether another try can help."""

from __future__ import annotations

from typing import assert_never

import msgspec

from nightsort.api.batch_record import FIRST_RULES, RULES, BatchRecord
from nightsort.api.categories import UnknownLabel
from nightsort.api.spec import Spec
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.first_rules import FirstLabels
from nightsort.domain.label import Labels
from nightsort.domain.printable import printable

PASSING_ERRORS = frozenset({"api_error", "overloaded_error", "rate_limit_error", "timeout_error"})
SHOWN_ANSWER_CHARS = 60
MAX_TOKENS = "max_tokens"
UNREADABLE = "unreadable_result"
"""The error type of a result that exists and cannot be understood."""


class Judgement(msgspec.Struct, frozen=True, gc=False):
    verdict: Verdict
    category: str | None = None
    reason: str = ""
    may_pass: bool = False


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
            used = answer.input_tokens + answer.cache_write_tokens + answer.cache_read_tokens
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
        category = self._labels.match(answer.text)
        if self._labels.is_cut(answer.text, category, answer.stop_reason):
            return Judgement(Verdict.TRUNCATED, reason=self._why_cut(answer, category))
        if category is not None:
            return Judgement(Verdict.LABELED, category)
        return of_unknown(answer.text, self._unknown)

    def _why_cut(self, answer: Answer, category: str | None) -> str:
        by = f"within prompt.maxTokens ({self._max_tokens} tokens)"
        if answer.stop_reason != MAX_TOKENS:
            by = (
                f"before the answer ended with {printable(answer.stop_reason[:SHOWN_ANSWER_CHARS]) or 'no stop reason'}"
            )
        if category is None:
            return f"no category {by}"
        return f"no certain category {by}: {shown(answer.text)} may be the beginning of another one"


def of_error(error_type: str) -> Judgement:
    kind = error_type or "unknown error"
    return Judgement(Verdict.ERRORED, reason=kind, may_pass=kind in PASSING_ERRORS)


def shown(text: str) -> str:
    """The answer's own words, in quotes; their beginning on one line."""
    line = " ".join(text.split())
    return repr(line if len(line) <= SHOWN_ANSWER_CHARS else f"{line[:SHOWN_ANSWER_CHARS]}\u2026")


def of_unknown(text: str, rule: UnknownLabel) -> Judgement:
    reason = f"the answer {shown(text)} is none of the categories"
    if rule.action == "Fallback":
        return Judgement(Verdict.UNKNOWN, rule.category, f"{reason}; fell back")
    return Judgement(Verdict.UNKNOWN, None, reason, may_pass=rule.action == "Retry")
