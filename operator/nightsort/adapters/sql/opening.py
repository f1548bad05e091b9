"""Opens `spec.source.database` and `spec.results.database`."""

from __future__ import annotations

from typing import Any

from nightsort.adapters.sql.claims import Claims
from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.adapters.sql.source import DatabaseSource as DatabaseTickets
from nightsort.adapters.sql.unlabeled import labels_of
from nightsort.api.spec import DatabaseResults, DatabaseSource
from nightsort.system.opening import Opening


class DatabaseKind:
    """Remembers which run has which ids of a table in work: after a restart the table itself shows it."""

    def __init__(self) -> None:
        self._claims = Claims()

    async def source(self, opening: Opening, spec: DatabaseSource) -> DatabaseTickets:
        resource = opening.resource
        url = await opening.secrets.read(resource.meta.namespace, spec.url_secret_ref)
        results = resource.spec.results.database

        def tickets(url: str, **more: Any) -> DatabaseTickets:
            in_thread = opening.share(url)
            return DatabaseTickets(
                url, spec.query, spec.columns, opening.fields, policy_of(opening), in_thread=in_thread, **more
            )

        if results is None:
            return tickets(url)
        written = await opening.secrets.read(resource.meta.namespace, results.url_secret_ref)
        primary = tickets(written) if written != url else None
        return tickets(url, labels=labels_of(results), primary=primary)

    async def sink(self, opening: Opening, spec: DatabaseResults) -> DatabaseSink:
        url = await opening.secrets.read(opening.resource.meta.namespace, spec.url_secret_ref)
        return DatabaseSink(
            url,
            spec.table,
            spec.mode,
            spec.columns,
            policy_of(opening),
            overwrite=spec.overwrite,
            claims=self._claims,
            run=opening.resource.meta.uid,
            in_thread=opening.share(url),
        )


def policy_of(opening: Opening) -> DatabasePolicy:
    """The databases that resources may name."""
    schemes = {"postgresql", "mysql", "mariadb"} | ({"sqlite"} if opening.local else set())
    return DatabasePolicy(frozenset(schemes), opening.settings.database_hosts, own=opening.local)
