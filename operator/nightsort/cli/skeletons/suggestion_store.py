"""Answers to questions about categories, kept below the state: the same question is not paid for again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nightsort.api.batch_record import Usage
from nightsort.api.times import rfc3339
from nightsort.cli.classification.order import InvalidOrder
from nightsort.domain.suggestion import Question, Reply
from nightsort.system.files import read_if_there, write_whole

FOLDER = "suggestions"
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a question: when it was asked, and its answer, unless that was lost."""

    asked_at: datetime
    reply: Reply | None


class SuggestionStore:
    """One file for each question, written before it is asked, and again with its answer."""

    def __init__(self, state: Path, *, simulated: bool) -> None:
        self.folder = state / FOLDER
        self._simulated = simulated

    def find(self, question: Question) -> Kept | None:
        """
        Raises:
            InvalidOrder: the file is no such record.
        """
        path = self._path(question)
        content = read_if_there(path)
        if content is None:
            return None
        try:
            kept = json.loads(content)
            reply = kept.get("reply")
            return Kept(datetime.fromisoformat(kept["askedAt"]), reply and parsed(reply))
        except (ValueError, LookupError, TypeError, AttributeError):
            raise InvalidOrder(f"{path} is no record that this version can read: remove it") from None

    def intend(self, question: Question) -> None:
        """Notes that the question is about to be asked."""
        self._write(question, {})

    def keep(self, question: Question, reply: Reply) -> None:
        words = {"text": reply.text, "stopReason": reply.stop_reason, "usage": reply.usage.model_dump(mode="json")}
        self._write(question, {"reply": words})

    def forget(self, question: Question) -> None:
        """The question was surely not answered, and not paid."""
        self._path(question).unlink(missing_ok=True)

    def _write(self, question: Question, more: dict[str, Any]) -> None:
        words = {"askedAt": rfc3339(datetime.now(UTC)), "model": question.model, **more}
        write_whole(self._path(question), json.dumps(words, ensure_ascii=False, indent=1).encode(), PRIVATE)

    def _path(self, question: Question) -> Path:
        return self.folder / f"{question.digest}{'.simulated' if self._simulated else ''}.json"


def parsed(reply: dict[str, Any]) -> Reply:
    return Reply(str(reply["text"]), str(reply["stopReason"]), Usage.model_validate(reply["usage"]))
