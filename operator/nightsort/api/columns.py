"""The columns of tickets and of results, by the names that users give them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from nightsort.api.fields import FieldName
from nightsort.api.model import Model

Column = Annotated[str, StringConstraints(min_length=1, max_length=128)]
KeyColumns = Annotated[
    tuple[Column, ...],
    Field(min_length=1, max_length=8),
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
]


TextColumns = Annotated[tuple[Column, ...], Field(min_length=1, max_length=16)]
"""The columns that make up the body, in their order."""
BODY = "body"
TWO_BODIES = "columns.body and textColumns both say what the body is: give one of them"


class TicketColumns(Model):
    """Which column of the query is the ticket's id, subject and body."""

    id: Column = "id"
    """The column of ids, which are unique and not null."""
    key: KeyColumns | None = None
    """Instead of `id`, where several columns together are a ticket's id, as `[tenant, id]`."""
    subject: Column = "subject"
    """The column of subjects, which the template calls `$subject`."""
    body: Column = BODY
    """The column of texts, which the template calls `$body`."""


class ResultColumns(Model):
    """Which column of the table takes which part of a row; what is not named is not stored."""

    id: Column = "id"
    """The column of the ticket's id."""
    key: KeyColumns | None = None
    """Instead of `id`, where several columns are a ticket's id: those of the source's `key`, in the same order."""
    category: Column = "category"
    """The column of the category; NULL where the ticket got none."""
    verdict: Column | None = None
    """The column of what the answer meant, such as Labeled, Unknown or Refused."""
    reason: Column | None = None
    """The column that says why there is no category."""
    model: Column | None = None
    """The column of the model that answered."""
    batch_id: Column | None = None
    """The column of the batch in which the answer came."""
    classified_at: Column | None = None
    """The column of the time at which the answer's batch ended."""
    input_tokens: Column | None = None
    """The column of the tokens that were read for the ticket."""
    output_tokens: Column | None = None
    """The column of the tokens that were written for it."""
    category_set: Column | None = None
    """The column of the hash of the CategorySet that the run works by: 32 characters. An Upsert with a categorySetRef
    calls it `category_set` by default, and adds it to its table."""
    hash: Column | None = None
    """The column of a hash of what the answer depends on, which `reuse: Unchanged` compares: 32 characters. An Upsert
    with that calls it `hash` by default, and adds it to its table."""
    same_as: Column | None = None
    """The column of the id of the ticket that was asked about, where `dedupe: Exact` found one with the same text; NULL
    for a ticket that was asked about itself."""
    fields: Annotated[dict[FieldName, Column], Field(max_length=32)] | None = None
    """The columns of the spec's fields, by field, where their names are others than the fields'."""
