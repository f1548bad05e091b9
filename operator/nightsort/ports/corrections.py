"""What people have said about tickets, shared by all who review them."""

from __future__ import annotations

from typing import Protocol

from nightsort.domain.correction import Corrections, Edit


class CorrectionStore(Protocol):
    """Corrections of one run, in one place. Several people may write there at the same time."""

    @property
    def place(self) -> str:
        """The place in words, such as `tickets.corrections.jsonl`."""
        ...

    async def read(self) -> Corrections:
        """The corrections that there are now; none where nobody has made any.

        Raises:
            Waiting: they cannot be read now. Stalled: access is denied, or something else is there.
        """
        ...

    async def change(self, edit: Edit) -> Corrections:
        """Makes the changes durably, all of them or none, from what is there at that moment; what is there then.

        Raises:
            Waiting, Stalled: as in `read`; nothing was changed.
        """
        ...
