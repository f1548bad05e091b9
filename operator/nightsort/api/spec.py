"""What a user asks for: `spec` of a ClassificationBatch.

Some rules are needed twice: as CEL for the API server (`rules(...)`) and as validators for local mode.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from nightsort.api.categories import DEFAULT_CATEGORIES, Category, UnknownLabel, spelled
from nightsort.api.model import IMMUTABLE, Format, Model, Name, keyed, rules
from nightsort.api.object_store import ObjectStoreResults, ObjectStoreSource

Text = Annotated[str, StringConstraints(max_length=4000)]
DataKey = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
Column = Annotated[str, StringConstraints(min_length=1, max_length=128)]
TABLE_NAME = "[A-Za-z_]([A-Za-z0-9_$ -]*[A-Za-z0-9_$-])?"
"""A table's or schema's name, with spaces and hyphens inside."""
Table = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=rf"^{TABLE_NAME}(\.{TABLE_NAME})?$")]


KeyColumns = Annotated[
    tuple[Column, ...],
    Field(min_length=1, max_length=8),
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
]


def positive_money(value: str) -> str:
    if Decimal(value) <= 0:
        raise ValueError("must be more than 0")
    return value


Money = Annotated[
    str,
    StringConstraints(max_length=16, pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$"),
    AfterValidator(positive_money),
    Field(json_schema_extra=rules(("self.matches('[1-9]')", "must be more than 0"))),
]


def exactly_one(model: Model, *names: str) -> None:
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        wire = [type(model).model_fields[name].alias or name for name in names]
        raise ValueError(f"needs exactly one of {', '.join(wire)}; {len(given) or 'none'} given")


class SecretRef(Model):
    """A key of a Secret in the resource's namespace that carries the label `nightsort.dev/allow: "true"`."""

    name: Name
    """The Secret's name."""
    key: DataKey
    """The key in it."""


class InlineTicket(Model):
    """A ticket as it is written here."""

    id: Annotated[str, StringConstraints(max_length=512)]
    """Not empty, and not used by another ticket."""
    subject: Annotated[str, StringConstraints(max_length=2000)] = ""
    """What the template calls `$subject`; empty by default."""
    body: Annotated[str, StringConstraints(max_length=20000)] = ""
    """What the template calls `$body`; empty by default."""


class InlineSource(Model):
    """Tickets in the resource itself; for trying out, since whoever may read the resource reads them."""

    tickets: Annotated[tuple[InlineTicket, ...], Field(max_length=1000)]
    """The tickets, at most 1000."""


class ConfigMapSource(Model):
    """A file in a ConfigMap: CSV with a header, a JSON list of objects or JSON lines, as the key's ending tells."""

    name: Name
    """The ConfigMap's name, in the resource's namespace."""
    key: DataKey
    """The key in it, whose ending tells the format."""
    format: Format | None = None
    """What the file is, whatever its key ends in; by default as the ending tells."""

    @model_validator(mode="after")
    def _format_is_known(self) -> ConfigMapSource:
        if self.format is None and not self.key.endswith((".csv", ".jsonl", ".json")):
            raise ValueError("key must end in .csv, .jsonl or .json, or format must be given")
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.format) || self.key.matches('[.](csv|jsonl|json)$')",
                "key must end in .csv, .jsonl or .json, or format must be given",
            )
        )
    )


class TicketColumns(Model):
    """Which column of the query is the ticket's id, subject and body."""

    id: Column = "id"
    """The column of ids, which are unique and not null."""
    key: KeyColumns | None = None
    """Instead of `id`, where several columns together are a ticket's id, as `[tenant, id]`."""
    subject: Column = "subject"
    """The column of subjects, which the template calls `$subject`."""
    body: Column = "body"
    """The column of texts, which the template calls `$body`."""


class DatabaseSource(Model):
    """Rows of a query; its id column must be unique and not null, since pages are read by it."""

    url_secret_ref: SecretRef
    query: Annotated[str, StringConstraints(min_length=1, max_length=16000)]
    """A SELECT, whose columns can be named in the template. It is read in pages by id: an ORDER BY only chooses, with a
    LIMIT at the query's end. The rows that it gives when the run begins are bought, and no others."""
    columns: TicketColumns = TicketColumns()


class Source(Model):
    """Where the tickets are: exactly one of the kinds."""

    inline: InlineSource | None = None
    config_map: ConfigMapSource | None = None
    database: DatabaseSource | None = None
    object_store: ObjectStoreSource | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Source:
        exactly_one(self, "inline", "config_map", "database", "object_store")
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.inline), has(self.configMap), has(self.database), has(self.objectStore)].exists_one(x, x)",
                "needs exactly one of inline, configMap, database, objectStore",
            )
        )
    )


class ConfigMapResults(Model):
    """Results as a file in a ConfigMap that belongs to the resource; cut into parts when it grows past 1 MiB."""

    name: Name | None = None
    """The ConfigMap's name; by default `<resource>-results`."""
    format: Literal["jsonl", "csv"] = "jsonl"
    """How a row is written."""


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


class DatabaseResults(Model):
    """Update fills the columns of existing rows; Upsert keeps a table of results, made if missing."""

    url_secret_ref: SecretRef
    table: Table
    """The table, with its schema before a dot where that is another than the connection's."""
    mode: Literal["Update", "Upsert"] = "Update"
    """Update fills the columns of rows that are there, by id; Upsert keeps a table of results, made if missing."""
    overwrite: bool = False
    """Update also where a value stands already, not only where it is NULL."""
    columns: ResultColumns = ResultColumns()


class Results(Model):
    """Where the rows go: one kind or several. Without any, a ConfigMap with the name `<resource>-results`."""

    config_map: ConfigMapResults | None = None
    database: DatabaseResults | None = None
    object_store: ObjectStoreResults | None = None


class Credentials(Model):
    """The account that pays: an API key of the Message Batches API."""

    secret_ref: SecretRef


class Prompt(Model):
    """How a ticket is put to the model; the template is a string.Template over the ticket's fields."""

    instructions: Text = ""
    """Added to the system prompt, behind the categories."""
    template: Annotated[str, StringConstraints(min_length=1, max_length=4000)] = "Subject: $subject\n\n$body"
    """$name stands for a field of the ticket, $$ for a dollar sign."""
    max_body_chars: Annotated[int, Field(ge=1, le=100_000)] = 2000
    """The body is cut to so many characters, and so is every other field that the template names. HTML becomes text
    before."""
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = 50
    """The longest answer, in tokens. Less is asked for where the model does not think and no name can be so long."""


class Shards(Model):
    """How many requests and bytes travel in one batch; the API takes at most 100,000 and 256 MB."""

    max_requests: Annotated[int, Field(ge=1, le=100_000)] = 100_000
    """How many requests one batch has at the most."""
    max_bytes: Annotated[int, Field(ge=100_000, le=256_000_000)] = 256_000_000
    """How many bytes one batch has at the most."""


def immutable(extra: dict[str, Any] | None = None, **more: Any) -> Any:
    return Field(json_schema_extra=IMMUTABLE | (extra or {}), **more)


class Spec(Model):
    """What to sort, by which model, into which categories. What decides what is bought is immutable once created."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=128)] = immutable()
    """The model that reads the tickets, by the name that the API gives it."""
    source: Source = immutable()
    results: Results = immutable(default=Results())
    credentials: Credentials | None = immutable(default=None)
    """The account that pays; by default the operator's own, where its administrator allows that."""
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=200)] = immutable(
        keyed("name"), default=DEFAULT_CATEGORIES
    )
    """What tickets are sorted into, in the order in which the model is told and counts are shown."""
    unknown_label: UnknownLabel = immutable(default=UnknownLabel())
    prompt: Prompt = immutable(default=Prompt())
    shards: Shards = immutable(default=Shards())
    backoff_limit: Annotated[int, Field(ge=0, le=10)] = immutable(default=2)
    """How often tickets are sent again whose failure can pass."""
    max_cost_usd: Money | None = Field(default=None, alias="maxCostUSD")
    """The most that the run may cost, in USD: no batch is bought that could bring it above. Counted are what was paid
    or may have been, what is in flight, and the batch by its size, in tokens as the API counts a sample of the tickets.
    An answer counts for all that it may use until it is there."""
    poll_interval_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How often the API is asked whether a batch has ended; a fresh batch is looked at more often."""
    overlap_policy: Literal["Wait", "Allow"] = immutable(default="Wait")
    """Wait while an older unfinished resource works on the same source, so that no ticket is bought twice."""
    active_deadline_seconds: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    """After so long, not counted while suspended, what runs is cancelled and the run ends as Failed; 0 ends it now."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=100_000_000)] | None = None
    """How long a finished resource stays. Under GitOps leave it out: what is deleted is created, and paid, again."""
    suspend: bool = False
    """Cancel what is running and buy nothing while it is true; afterwards go on with what is left."""

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Spec:
        taken: set[str] = set()
        for category in self.categories:
            for name in (category.name, *category.aliases):
                if spelled(name) in taken:
                    raise ValueError(f"categories: {name!r} is named twice (names and aliases, capitals do not count)")
                taken.add(spelled(name))
        return self

    @model_validator(mode="after")
    def _fallback_is_declared(self) -> Spec:
        fallback = self.unknown_label.category
        if fallback is not None and fallback not in {category.name for category in self.categories}:
            raise ValueError(f"unknownLabel.category: {fallback!r} is not one of the categories")
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.unknownLabel.category) || self.categories.exists(c, c.name == self.unknownLabel.category)",
                "unknownLabel.category must be one of the categories",
            ),
            (
                # The list around the names makes them small once: once for each pair costs more than is allowed.
                "[self.categories.map(c, c.name.lowerAscii())].all(names, names.all(n, names.exists_one(m, m == n)))",
                "a category is named twice (capitals do not count)",
            ),
            (
                "has(self.credentials) == has(oldSelf.credentials)",
                "credentials is immutable. Create another resource instead",
            ),
        )
    )
