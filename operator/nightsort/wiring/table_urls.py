"""The database URL of the person who asks for rows: never the operator's."""

from __future__ import annotations

from collections.abc import Mapping

from nightsort.api.credentials import SecretRef
from nightsort.api.resource import Resource
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.ports import Secrets

USUAL = "DATABASE_URL"


async def url_for(
    run: Resource, ref: SecretRef, secrets: Secrets, environ: Mapping[str, str], named: str, what: str = "rows"
) -> str:
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
            f"to read the {what} of {run.meta.name}, set {USUAL} to the URL of a user who may SELECT from the table, "
            f"such as postgresql://reader:password@db.example:5432/support ({refused.message})",
            reason=refused.reason,
        ) from None


async def url_of_tickets(
    run: Resource, ref: SecretRef, secrets: Secrets, environ: Mapping[str, str], named: str, own: str
) -> str:
    """The URL in the variable `own`, else that of the rows where one value of a Secret leads to both, else the Secret.

    Raises:
        Stalled: there is none; the message says what to set.
    """
    if own:
        if value := environ.get(own, "").strip():
            return value
        raise Stalled(f"--tickets-url-env: the environment has no variable {own}", reason=Reason.SECRET_MISSING)
    stored, results = run.status.results, run.spec.results.database
    in_table = results is not None and not stored.config_maps and not stored.object_store
    if results is None or not in_table or results.url_secret_ref == ref:
        return await url_for(run, ref, secrets, environ, named, "tickets")
    try:
        return await secrets.read(run.meta.namespace, ref)
    except Stalled as refused:
        raise Stalled(
            f"the tickets of {run.meta.name} have a database URL of their own ({refused.message}): give "
            f"--tickets-url-env VARIABLE, which may be {USUAL} where both are one database",
            reason=refused.reason,
        ) from None
