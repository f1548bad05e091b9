"""The API's cache of prompts in virtual time: requests of a batch run side by side, and read what was there before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from nightsort.domain.answer import Answer
from nightsort.testing.batch_api import tokens

HOUR = timedelta(hours=1)


class FakePromptCache:
    """`hits` is the share of requests that read a prompt which is there; one below `least` tokens is not cached."""

    def __init__(self, hits: float = 1.0, *, least: int = 0) -> None:
        self.hits, self.least = hits, least
        self._kept: dict[str, list[Callable[[], datetime]]] = {}
        self._read = 0

    def charged(
        self,
        answers: Sequence[Answer],
        params: Mapping[str, Mapping[str, Any]],
        now: datetime,
        ends: Callable[[], datetime],
        more: int = 0,
    ) -> list[Answer]:
        """The answers of a batch of this time with what each has used; `more` tokens are added to each prompt.

        `ends` tells when the batch ends, which may change as long as it runs.
        """
        charged, used = [], set[str]()
        for answer in answers:
            asked = params[answer.custom_id]
            text, is_marked = prompt_of(asked["system"])
            prompt, own = tokens(text) + more, len(asked["messages"][-1]["content"]) // 4
            if answer.outcome != "succeeded":
                charged.append(answer)
            elif not is_marked or prompt < self.least:
                charged.append(replace(answer, input_tokens=prompt + own))
            else:
                used.add(text)
                reads = self.has(text, now) and self._hit()
                share = {"cache_read_tokens": prompt} if reads else {"cache_write_hour_tokens": prompt}
                charged.append(replace(answer, input_tokens=own, **share))
        for text in used:
            self._kept.setdefault(text, []).append(ends)
        return charged

    def has(self, text: str, now: datetime) -> bool:
        """Whether a request reads this prompt, if it is hit."""
        return any(ends() <= now < ends() + HOUR for ends in self._kept.get(text, ()))

    def _hit(self) -> bool:
        """The same share of any run of requests."""
        before, self._read = int(self._read * self.hits), self._read + 1
        return int(self._read * self.hits) > before


def prompt_of(system: str | Sequence[Mapping[str, Any]]) -> tuple[str, bool]:
    """The text of a system prompt, and whether it is marked for an hour."""
    if isinstance(system, str):
        return system, False
    marks = [block.get("cache_control") for block in system]
    assert marks == [{"type": "ephemeral", "ttl": "1h"}], json.dumps(marks)
    return "\n".join(block["text"] for block in system), True
