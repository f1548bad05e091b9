"""Opens `spec.source.database` and `spec.results.database`."""

from __future__ import annotations

from typing import Any

from nightsort.adapters.sql.claims import Claims
from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.adapters.sql.source import DatabaseSource as DatabaseTickets
from nightsort.adapters.sql.unlabeled import labels_of
from nightsort.api.results import DatabaseResults
from nightsort.api.source import DatabaseSource
from nightsort.domain.second import columns_of
from nightsort.system.opening import Opening


class DatabaseKind:
    """Remembers which run has which ids of a table in work: after a restart the table itself shows it."""

    def __init__(self) -> None:
        self._claims = Claims()

    async def source(self, opening: Opening, spec: DatabaseSource) -> DatabaseTickets:
        """Makes it in a thread: a query is parsed for that, which may have thousands of words."""
        namespace = opening.resource.meta.namespace
        url = await opening.secrets.read(namespace, spec.url_secret_ref)
        results = opening.resource.spec.results.database
        written = None if results is None else await opening.secrets.read(namespace, results.url_secret_ref)
        return await opening.threads.share(namespace, "queries")(tickets_of, opening, spec, url, written)

    async def sink(self, opening: Opening, spec: DatabaseResults) -> DatabaseSink:
        url = await opening.secrets.read(opening.resource.meta.namespace, spec.url_secret_ref)
        return DatabaseSink(
            url,
            spec.table,
            spec.mode,
            spec.columns,
            policy_of(opening),
            overwrite=spec.overwrite,
            reuses=opening.resource.spec.reuse == "Unchanged",
            of_set=opening.resource.spec.category_set_ref is not None,
            claims=self._claims,
            run=opening.resource.meta.uid,
            asked=columns_of(opening.resource.spec),
            in_thread=opening.share(url),
        )


def tickets_of(opening: Opening, spec: DatabaseSource, url: str, written: str | None) -> DatabaseTickets:
    """`written` is the URL of the database of the results, if they go into one."""
    results = opening.resource.spec.results.database

    def tickets(url: str, **more: Any) -> DatabaseTickets:
        in_thread = opening.share(url)
        text, policy = spec.text_columns or (), policy_of(opening)
        return DatabaseTickets(
            url, spec.query, spec.columns, opening.fields, policy, text=text, in_thread=in_thread, **more
        )

    primary = tickets(written) if written and written != url else None
    return tickets(url, labels=labels_of(results) if results else None, primary=primary)


def policy_of(opening: Opening) -> DatabasePolicy:
    """The databases that resources may name."""
    schemes = {"postgresql", "mysql", "mariadb"} | ({"sqlite"} if opening.local else set())
    return DatabasePolicy(frozenset(schemes), opening.settings.database_hosts, own=opening.local)
