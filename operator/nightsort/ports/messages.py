"""The Messages API, for a request whose answer a person waits for."""

from __future__ import annotations

from typing import Protocol

from nightsort.domain.batch import ModelFacts
from nightsort.domain.suggestion import Reply


class MessagesApi(Protocol):
    """The Messages API under one credential, at the standard price."""

    async def message(self, body: bytes, key: str) -> Reply:
        """Buys the answer to one request: JSON, sent exactly once. `key` is its idempotency key.

        Raises:
            OutcomeUnknown: it may have been answered, and paid. Waiting, Stalled, Rejected: it surely was not.
        """
        ...

    async def model(self, model: str) -> ModelFacts | None:
        """The catalogue's entry for a model; None when it has none."""
        ...

    async def count_tokens(self, model: str, system: str, text: str) -> int:
        """Input tokens of one request, as the API estimates them.

        Raises:
            Rejected: the API does not take such a prompt.
        """
        ...
