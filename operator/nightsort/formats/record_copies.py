"""A copy of a run's record as a document."""

from __future__ import annotations

import json

from nightsort.api.status import Status
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.recovery import Kept, worth_keeping


def encoded(status: Status | None, anew: str) -> bytes:
    copy: dict[str, object] = {"anew": anew}
    if status is not None:
        copy["status"] = worth_keeping(status).model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(copy, sort_keys=True, ensure_ascii=False).encode()


def decoded(content: bytes | None, place: str) -> Kept:
    """What was kept; nothing where there is nothing.

    Raises:
        Stalled: it cannot be read; `place` says what to restore.
    """
    if content is None:
        return Kept()
    try:
        copy = json.loads(content)
        return Kept(Status.model_validate(copy["status"]) if "status" in copy else None, str(copy["anew"]))
    except (ValueError, KeyError, TypeError):
        raise Stalled(
            f"{place} is not a copy of the run's record that this version can read: restore it, or remove it where "
            "the status itself is whole",
            reason=Reason.RECORD_UNREADABLE,
        ) from None
