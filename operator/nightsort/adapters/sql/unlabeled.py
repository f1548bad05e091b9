"""Finds out whether a source's query leaves out the labels of its run."""

from __future__ import annotations

from collections.abc import Collection

from nightsort.adapters.sql.label_conditions import without
from nightsort.adapters.sql.query_conditions import Labels, skips_labeled
from nightsort.api.results import DatabaseResults
from nightsort.api.source import MOST_QUERY_CHARS
from nightsort.api.spec import Spec


def finds_unlabeled_again(spec: Spec) -> bool:
    """Whether the query certainly gives only rows that have no category in the table that the run updates.

    Then the next run gets, and buys, the tickets without a category again. Where another column that the run fills
    must be NULL as well, such as the verdict, it does not. A query that cannot be parsed is not certain.
    """
    source, results = spec.source.database, spec.results.database
    if source is None or results is None or results.url_secret_ref != source.url_secret_ref:
        return False

    def asks_for_null(column: str) -> bool:
        labels = labels_of(results, column)
        return labels is not None and skips_labeled(source.query, source.columns.id, labels)

    return asks_for_null(results.columns.category) and not any(map(asks_for_null, others_of(results)))


def query_without(spec: Spec, ids: Collection[str]) -> str | None:
    """The query that leaves out labels, without these tickets; None where it would not be certain, or too long."""
    source, results = spec.source.database, spec.results.database
    labels = labels_of(results) if results is not None else None
    if source is None or labels is None:
        return None
    query = without(source.query, labels, ids)
    if query is None or len(query) > MOST_QUERY_CHARS:
        return None
    changed = spec.source.model_copy(update={"database": source.model_copy(update={"query": query})})
    return query if finds_unlabeled_again(spec.model_copy(update={"source": changed})) else None


def others_of(results: DatabaseResults) -> list[str]:
    """The columns that a run fills beside the category."""
    named = results.columns.model_dump(by_alias=False, exclude={"id", "key", "category", "fields"}, exclude_none=True)
    return [*named.values(), *(results.columns.fields or {}).values()]


def all_labels_of(results: DatabaseResults) -> list[Labels]:
    """The places of all that an Update writes."""
    if results.mode != "Update":
        return []
    written = (results.columns.category, *others_of(results))
    return [Labels(results.table, results.columns.id, column) for column in written]


def labels_of(results: DatabaseResults, column: str | None = None) -> Labels | None:
    """The place where an Update puts labels, or another part of its rows.

    None where no condition on a single id column can express what they leave out.
    """
    if results.mode != "Update" or results.columns.key is not None:
        return None
    return Labels(results.table, results.columns.id, column or results.columns.category)
