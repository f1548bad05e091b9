"""What a user asks for: `spec` of a ClassificationBatch.

Some rules are needed twice: as CEL for the API server (`rules(...)`) and as validators for local mode.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PrivateAttr, StringConstraints, model_validator

from nightsort.api.categories import DEFAULT_CATEGORIES, Category, UnknownLabel, refuse_repeated
from nightsort.api.category_set import CategorySetRef, CategorySetSpec
from nightsort.api.columns import ResultColumns
from nightsort.api.credentials import Credentials
from nightsort.api.evaluation import NO_COLUMN, Evaluation
from nightsort.api.fields import AnswerFields, refuse_unclear
from nightsort.api.model import IMMUTABLE, Model, keyed, rules
from nightsort.api.money import Money
from nightsort.api.prompt import Prompt, TicketTemplate
from nightsort.api.results import Results
from nightsort.api.reuse import NOTHING_TO_REUSE, Dedupe, Reuse, finds_rows
from nightsort.api.review import FIELD_TAKEN, NO_CONFIDENCE, REVIEW_COLUMNS, SAME_MODEL, Review
from nightsort.api.source import Source
from nightsort.api.spec_rules import INLINE_TRUTH, NAMES_SUBJECT, NO_SUBJECT, SPEC_RULES, TWO_PLACES

NO_DEFAULT: dict[str, Any] = {"default": None}
"""The API server puts no default there: one beside a categorySetRef would be wrong."""


InferenceGeo = Literal["us", "global"]
"""Where the models of the API run."""


class Shards(Model):
    """How many requests and bytes travel in one batch; the API takes at most 100,000 and 256 MB."""

    max_requests: Annotated[int, Field(ge=1, le=100_000)] = 100_000
    """How many requests one batch has at the most."""
    max_bytes: Annotated[int, Field(ge=100_000, le=256_000_000)] = 256_000_000
    """How many bytes one batch has at the most."""


def immutable(extra: dict[str, Any] | None = None, **more: Any) -> Any:
    return Field(json_schema_extra=IMMUTABLE | (extra or {}), **more)


def refuse_shared_columns(spec: Spec, columns: ResultColumns) -> None:
    """
    Raises:
        ValueError: a field's column is another one's, too, or is named for a field that the spec does not have.
    """
    names = field_names(spec)
    if unknown := [name for name in columns.fields or {} if name not in names]:
        raise ValueError(f"results.database.columns.fields: {unknown[0]!r} is not one of the fields")
    plain = columns.model_dump(exclude={"id", "key", "fields"}, exclude_none=True).values()
    taken = [*(columns.key or (columns.id,)), *plain]
    for name in names:
        column = (columns.fields or {}).get(name, name)
        if column in taken:
            raise ValueError(f"results.database.columns: the field {name!r} has column {column!r}, which is another's")
        taken.append(column)


def refuse_strange_fallback(spec: Spec) -> None:
    """
    Raises:
        ValueError: the category of Fallback is none of the categories.
    """
    fallback = spec.unknown_label.category
    if fallback is not None and fallback not in {category.name for category in spec.categories}:
        raise ValueError(f"unknownLabel.category: {fallback!r} is not one of the categories")


def refuse_told_truth(spec: Spec, evaluation: Evaluation) -> None:
    """
    Raises:
        ValueError: known categories are nowhere, or the prompt would tell them.
    """
    if not evaluation.truth.is_given:
        raise ValueError(f"evaluation.truth: {NO_COLUMN}")
    column = evaluation.truth.name
    if spec.source.inline is not None and evaluation.truth.own_set is None:
        raise ValueError(INLINE_TRUTH)
    if column in TicketTemplate(spec.prompt.template).get_identifiers():
        raise ValueError(f"prompt.template: names ${column}, which would tell the model the known category")


def field_names(spec: Spec) -> list[str]:
    """The names of all columns beside the category, in the order of the results."""
    several = ["categories"] if spec.categories_per_ticket > 1 else []
    return [
        *several,
        *(field.name for field in spec.fields),
        *(name for name in ("confidence", "rationale") if getattr(spec, name)),
        *(REVIEW_COLUMNS if spec.review is not None else ()),
    ]


class Spec(Model):
    """What to sort, by which model, into which categories. What decides what is bought is immutable once created."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=128)] = immutable()
    """The model that reads the tickets, by the name that the API gives it."""
    source: Source = immutable()
    results: Results = immutable(default=Results())
    credentials: Credentials | None = immutable(default=None)
    """The account that pays; by default the operator's own, where its administrator allows that."""
    category_set_ref: CategorySetRef | None = immutable(default=None)
    """The CategorySet whose categories and instructions the run takes, as they stand when it begins. A change of the
    set changes nothing in a run that has begun."""
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=200)] = immutable(
        keyed("name") | NO_DEFAULT, default=DEFAULT_CATEGORIES
    )
    """What tickets are sorted into, in the order in which the model is told and counts are shown; not beside a
    categorySetRef. Default: billing, technical, account, feedback, other."""
    categories_per_ticket: Annotated[int, Field(ge=1, le=10)] = immutable(default=1)
    """How many categories a ticket may get. With more than one, the first is its category, and all of them stand in
    the column `categories`."""
    unknown_label: UnknownLabel = immutable(default=UnknownLabel())
    fields: AnswerFields = immutable(keyed("name"), default=())
    """Further answers of the same request, each of which is a column of the results."""
    confidence: bool = immutable(default=False)
    """Whether the model says how sure it is: low, medium or high, in the column `confidence`. This is its own
    statement, and no measurement."""
    rationale: bool = immutable(default=False)
    """Whether the model says why, in one sentence of at most 300 characters, in the column `rationale`."""
    prompt: Prompt = immutable(default=Prompt())
    evaluation: Evaluation | None = None
    """A comparison with known categories, before anything is published."""
    review: Review | None = immutable(default=None)
    """A second model that reads some tickets once more: those that are not sure, and a sample to tell the accuracy."""
    inference_geo: InferenceGeo | None = immutable(default=None)
    """Where the models run, the second one too: us (in the US alone, a tenth dearer, reckoned with from the beginning)
    or global. Left out, the account's default decides; where that is us, estimates are a tenth too low, and maxCostUSD
    reckons with it from the first answer on. Models before 4.6 take no place."""
    shards: Shards = immutable(default=Shards())
    reuse: Reuse = immutable(default="Never")
    """Unchanged leaves out tickets whose row of an earlier run stands in the results already, whatever its verdict, as
    long as text, categories, prompt and model are the same. Never buys every ticket that the source gives."""
    dedupe: Dedupe = immutable(default="Off")
    """Exact asks once about tickets of the run whose text, as it is sent, is the same; each of them gets its row, and
    `sameAs` names the ticket that was asked about. Off asks about every ticket."""
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
        refuse_repeated(self.categories)
        return self

    @model_validator(mode="after")
    def _categories_are_in_one_place(self) -> Spec:
        if self.category_set_ref is not None and "categories" in self.model_fields_set:
            raise ValueError(TWO_PLACES)
        return self

    @model_validator(mode="after")
    def _fields_are_clear(self) -> Spec:
        refuse_unclear(self.fields)
        return self

    @model_validator(mode="after")
    def _columns_are_distinct(self) -> Spec:
        if self.results.database is not None:
            refuse_shared_columns(self, self.results.database.columns)
        return self

    @model_validator(mode="after")
    def _second_reader_has_work(self) -> Spec:
        if self.review is None:
            return self
        if self.review.model == self.model:
            raise ValueError(SAME_MODEL)
        if "LowConfidence" in self.review.of and not self.confidence:
            raise ValueError(NO_CONFIDENCE)
        if any(field.name in REVIEW_COLUMNS for field in self.fields):
            raise ValueError(FIELD_TAKEN)
        return self

    @model_validator(mode="after")
    def _fallback_is_declared(self) -> Spec:
        if self.category_set_ref is None:
            refuse_strange_fallback(self)
        return self

    @model_validator(mode="after")
    def _truth_is_not_told(self) -> Spec:
        if self.evaluation is not None and (self.evaluation.truth.is_given or self.category_set_ref is None):
            refuse_told_truth(self, self.evaluation)
        return self

    @model_validator(mode="after")
    def _subject_is_known(self) -> Spec:
        for file in (self.source.config_map, self.source.object_store):
            if file is not None and file.has_no_subject and NAMES_SUBJECT.search(self.prompt.template):
                raise ValueError(NO_SUBJECT)
        return self

    @model_validator(mode="after")
    def _reuse_finds_rows(self) -> Spec:
        if self.reuse == "Unchanged" and not finds_rows(self.results):
            raise ValueError(f"reuse: {NOTHING_TO_REUSE}")
        return self

    _as_written: Spec | None = PrivateAttr(default=None)

    @property
    def as_written(self) -> Spec:
        """The spec as the resource has it, without what a CategorySet has added."""
        return self._as_written or self

    def with_set(self, given: CategorySetSpec) -> Spec:
        """The spec that a run works by, with all that a set adds.

        Raises:
            ValueError: the set does not go with it.
        """
        prompt, evaluation = self.as_written.prompt, self.as_written.evaluation
        instructions = "\n".join(filter(None, (given.instructions, prompt.instructions)))
        if evaluation is not None and not evaluation.truth.is_given and given.truth is not None:
            evaluation = evaluation.model_copy(update={"truth": given.truth})
        prompt = prompt.model_copy(update={"instructions": instructions})
        made = self._with(categories=given.categories, prompt=prompt, evaluation=evaluation)
        refuse_strange_fallback(made)
        if evaluation is not None:
            refuse_told_truth(made, evaluation)
        return made

    def with_names(self, names: Iterable[str]) -> Spec:
        """The spec with categories of which no more than the names is known: for counts, and not for requests."""
        return self._with(categories=tuple(Category(name=name) for name in names))

    def _with(self, **parts: object) -> Spec:
        made = self.as_written.model_copy(update=parts)
        made._as_written = self.as_written  # noqa: SLF001 - its own class
        return made

    @property
    def keeps_hashes(self) -> bool:
        """Whether rows are stored with the hash of what their answer depends on."""
        database = self.results.database
        return self.reuse == "Unchanged" or (database is not None and database.columns.hash is not None)

    model_config = ConfigDict(json_schema_extra=rules(*SPEC_RULES))
