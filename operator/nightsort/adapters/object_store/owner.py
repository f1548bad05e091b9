"""The owner of a folder of results: an object in it names the resource, and stays as long as the results may.

A resource that is created anew under its name goes on with the folder. One of another namespace with the same name
does not: each would replace the index and the summary of the other.
"""

from __future__ import annotations

import json

from nightsort.adapters.object_store.store import Folder
from nightsort.api.model import KIND
from nightsort.api.resource import Meta
from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from nightsort.formats.rows import readable

OWNER = "owner.json"
TRIES = 5
MOST_BYTES = 4096


class FolderOwner:
    """All calls block, like those of the folder."""

    def __init__(self, folder: Folder, owner: Meta) -> None:
        self._folder = folder
        self._mark = {"kind": KIND, "namespace": owner.namespace, "name": owner.name}

    def claim(self) -> None:
        """Takes the folder for the resource, unless it has it already.

        Raises:
            Stalled: another resource has it.
        """
        for _ in range(TRIES):
            if self.hold():
                return
            # The next read shows the owner, even if the store let both write their mark.
            self._folder.create(OWNER, readable(self._mark).encode())
        raise Waiting(
            f"{self._folder.place}: the object {OWNER} is being changed by somebody else",
            reason=Reason.RESULTS_CONFLICT,
        )

    def hold(self) -> bool:
        """Whether the folder is this resource's already; not where it has no owner.

        Raises:
            Stalled: another resource has it.
        """
        file = self._folder.read(OWNER)
        if file is None:
            return False
        with file:
            found = parsed(file.read(MOST_BYTES))
        if found == self._mark:
            return True
        whose = f"it is of {found['kind']} {found['namespace']}/{found['name']}" if found else "it names no resource"
        raise self._folder.stalled(
            f"the folder has results of another resource, says the object {OWNER} in it: {whose}. Remove that object "
            "if those are not needed, or name another folder in a new resource",
            Reason.RESULTS_NAME_TAKEN,
        )


def parsed(content: bytes) -> dict[str, str] | None:
    """The content of a mark; None where it is none."""
    try:
        found = json.loads(content)
        return {key: str(found[key]) for key in ("kind", "namespace", "name")}
    except (KeyError, TypeError, ValueError):
        return None
