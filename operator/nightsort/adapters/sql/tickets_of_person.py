"""Reads the tickets of a run again, with the credentials of the person who asks."""

from __future__ import annotations

from nightsort.adapters.sql.label_conditions import with_labeled
from nightsort.adapters.sql.policy import FAMILIES, DatabasePolicy
from nightsort.adapters.sql.source import DatabaseSource
from nightsort.adapters.sql.stored_rows import POLICY
from nightsort.adapters.sql.unlabeled import all_labels_of
from nightsort.api.spec import Spec

LOCAL = DatabasePolicy(POLICY.schemes | {"sqlite"}, ("*",), own=True)


def tickets_of_person(
    url: str, spec: Spec, fields: frozenset[str], query: str = "", *, local: bool = False
) -> DatabaseSource:
    """The tickets of the run's query, also those that have their label by now; or of a query of the person's own.

    Blocks while it parses the query; connects to nothing yet.

    Raises:
        Stalled: the URL is invalid, or of no database of a cluster.
    """
    source, results = spec.source.database, spec.results.database
    assert source is not None  # noqa: S101 - the caller has looked
    family = FAMILIES.get(url.partition(":")[0].partition("+")[0].lower(), "")
    labels = all_labels_of(results) if results is not None and family and not query else []
    text = query or with_labeled(source.query, labels, family)
    policy = LOCAL if local else POLICY
    return DatabaseSource(url, text, source.columns, fields, policy, text=source.text_columns or ())
