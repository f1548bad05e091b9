"""The database URL of the person who asks for rows: never the operator's."""

from __future__ import annotations

from collections.abc import Mapping

from nightsort.api.credentials import SecretRef
from nightsort.api.resource import Resource
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.ports import Secrets

USUAL = "DATABASE_URL"


async def url_for(run: Resource, ref: SecretRef, secrets: Secrets, environ: Mapping[str, str], named: str) -> str:
    """The URL in the variable that was named, else in DATABASE_URL, else in the Secret if this person may read it.

    Raises:
        Stalled: there is none; the message says what to set.
    """
    if named:
        if value := environ.get(named, "").strip():
            return value
        raise Stalled(f"--url-env: the environment has no variable {named}", reason=Reason.SECRET_MISSING)
    if value := environ.get(USUAL, "").strip():
        return value
    try:
        return await secrets.read(run.meta.namespace, ref)
    except Stalled as refused:
        raise Stalled(
            f"to read the rows of {run.meta.name}, set {USUAL} to the URL of a user who may SELECT from the table, "
            f"such as postgresql://reader:password@db.example:5432/support ({refused.message})",
            reason=refused.reason,
        ) from None
