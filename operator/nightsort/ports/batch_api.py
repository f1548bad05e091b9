"""The Message Batches API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import BinaryIO, Protocol

from nightsort.domain.account import Account
from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch, Catalogue, ModelFacts


class BatchApi(Protocol):
    """The Message Batches API under one credential."""

    async def create(self, body: BinaryIO, size: int, tag: str) -> Batch:
        """Buys a batch: `size` bytes of JSON from `body`, sent exactly once.

        Raises:
            OutcomeUnknown: it may have been accepted. Waiting, Stalled, Rejected: it surely was not.
        """
        ...

    async def retrieve(self, batch_id: str) -> Batch | None:
        """A batch by id; None on 404, which may pass."""
        ...

    async def recent(self, since: datetime) -> Sequence[Batch]:
        """All batches of the workspace created since then, newest first.

        Raises:
            Waiting: with the reason ListTooLong where there are more than can be listed, ListUnreadable where one of
                them cannot be told from others.
        """
        ...

    async def behind(self, batch_id: str, until: datetime) -> Sequence[Batch]:
        """All batches of the workspace created after this one, newest first, until one is newer than `until`.

        Raises:
            Waiting: with the reason ListTooLong where there are too many to list, or the list does not lead there.
        """
        ...

    async def newest(self) -> Batch | None:
        """The newest batch of the workspace, as far as the list shows; None where it is empty."""
        ...

    def account(self, salt: str) -> Account:
        """The account of these batches, as far as the answers so far have named it."""
        ...

    def results(self, batch: Batch) -> AsyncIterator[Sequence[Answer]]:
        """The answers of an ended batch, in chunks and in any order; may be cut short without an error.

        Raises:
            Waiting: with the reason ResultsUnavailable where not one line came: the answer was something else.
        """
        ...

    async def cancel(self, batch_id: str) -> None:
        """Requests the batch's cancellation; it ends later. Harmless when it has ended."""
        ...

    async def model(self, model: str) -> ModelFacts | None:
        """The catalogue's entry for a model; None when it has none."""
        ...

    async def catalogue(self) -> Catalogue:
        """All models of the catalogue; free, as is `model`."""
        ...

    async def count_tokens(self, model: str, system: str, text: str) -> int:
        """Input tokens of one request, as the API estimates them.

        Raises:
            Rejected: the API does not take such a prompt.
        """
        ...
