"""What the models say of manifests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.categories import DEFAULT_CATEGORIES
from nightsort.api.crd import crd
from nightsort.api.patterns import WORDS
from nightsort.api.resource import InvalidResource, Meta, Resource
from nightsort.api.status import Status
from tests.support.manifests import ACCEPTED, REFUSED, manifest, stored

SECRET_TEXT = "my card number is 4111 1111"


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_good_manifest_is_read(case: str) -> None:
    assert Resource.of(manifest(**ACCEPTED[case])).spec.model == "claude-haiku-4-5"


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_manifest_is_refused_with_the_field_and_what_is_wrong(case: str) -> None:
    spec, field, words = REFUSED[case]

    with pytest.raises(InvalidResource) as refused:
        Resource.of(manifest(**spec))

    assert str(refused.value).startswith(field)
    assert words.lower() in str(refused.value).lower()


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"categories": [{"name": "refunds, late"}]}, "spec.categories[0].name: a category's name may have no comma"),
        (
            {"categories": [{"name": "a"}, {"name": "b", "aliases": ["c,d"]}]},
            "spec.categories[1].aliases[0]: a category's",
        ),
        ({"categories": [{"name": True}]}, "spec.categories[0].name: must be text: YAML reads yes, no, on, off"),
        ({"categories": [{"name": 1}]}, "spec.categories[0].name: must be text: YAML reads it as a number; put it in"),
        ({"categories": [{"name": None}]}, "spec.categories[0].name: must be text: YAML reads nothing, ~ and null"),
        ({"categories": [{"name": ["a"]}]}, "spec.categories[0].name: must be text, and is a list or has fields"),
        ({"maxCostUSD": "5,00"}, 'spec.maxCostUSD: money is text with up to six decimals, such as "5.00"'),
        ({"maxCostUSD": 5}, "spec.maxCostUSD: must be text: YAML reads it as a number; put it in quotes"),
        (
            {"source": {"configMap": {"name": "Tickets", "key": "t.csv"}}},
            "spec.source.configMap.name: a name may have small",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(spec: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidResource) as refused:
        Resource.of(manifest(**spec))

    assert str(refused.value).startswith(told)
    assert ";" not in str(refused.value).removeprefix(told).replace("; put it in", ""), "nothing follows from it"


def test_every_expression_of_the_spec_is_put_into_words() -> None:
    assert set(patterns_of(crd())) <= set(WORDS)


def patterns_of(schema: Any) -> Iterator[str]:
    """All `pattern`s of the spec, at any depth."""
    if isinstance(schema, dict):
        yield from (value for key, value in schema.items() if key == "pattern" and isinstance(value, str))
        for value in schema.values():
            yield from patterns_of(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from patterns_of(value)


def test_a_date_in_the_place_of_a_text_is_told() -> None:
    with pytest.raises(
        InvalidResource, match=r"tickets\[0\]\.id: must be text: YAML reads it as a date; put it in quotes"
    ):
        Resource.of(manifest(source={"inline": {"tickets": [{"id": date(2026, 11, 28)}]}}))


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(InvalidResource, match=r"^spec\.promt: unknown field$"):
        Resource.of(manifest(promt={"maxTokens": 5}))


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(InvalidResource, match=r"^spec\.source: .*; spec\.backoffLimit: "):
        Resource.of(manifest(source={}, backoffLimit=-1))


def test_an_alias_that_is_another_category_is_refused() -> None:
    categories = [{"name": "billing", "aliases": ["Payment"]}, {"name": "payment"}]

    with pytest.raises(InvalidResource, match="'payment' is named twice"):
        Resource.of(manifest(categories=categories))


@pytest.mark.parametrize(
    "ticket",
    [
        {"id": SECRET_TEXT * 30},
        {"id": "1", "body": SECRET_TEXT * 1000},
        {"id": "1", "subject": [SECRET_TEXT]},
        {"body": SECRET_TEXT},
        SECRET_TEXT,
    ],
)
def test_a_refusal_says_which_ticket_but_not_what_it_says(ticket: Any) -> None:
    with pytest.raises(InvalidResource, match=r"spec\.source\.inline\.tickets\[1\]") as refused:
        Resource.of(manifest(source={"inline": {"tickets": [{"id": "1"}, ticket]}}))

    assert "4111" not in str(refused.value)


@pytest.mark.parametrize(
    "other", [{"kind": "ConfigMap"}, {"apiVersion": "nightsort.dev/v9"}, {"apiVersion": None, "kind": None}]
)
def test_another_kind_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(InvalidResource, match=r"expected apiVersion nightsort\.dev/v1alpha1"):
        Resource.of(manifest() | other)


def test_a_manifest_without_a_spec_is_refused() -> None:
    with pytest.raises(InvalidResource, match=r"spec\.model: .*spec\.source: "):
        Resource.of(manifest() | {"spec": None})


def test_defaults_are_those_of_the_documentation() -> None:
    spec = Resource.of(manifest()).spec

    assert spec.categories == DEFAULT_CATEGORIES
    assert (spec.backoff_limit, spec.poll_interval_seconds, spec.max_cost_usd) == (2, 60, None)
    assert spec.unknown_label.action == "Fail"
    assert spec.prompt.template == "Subject: $subject\n\n$body"


def test_meta_is_what_identifies_one_version_of_one_incarnation() -> None:
    given = stored("tickets")
    given["metadata"]["deletionTimestamp"] = "2026-11-22T01:02:03Z"

    meta = Meta.of(given)

    assert meta.key == "support/tickets"
    assert (meta.uid, meta.resource_version) == (given["metadata"]["uid"], "1")
    assert meta.deletion_timestamp == datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


def test_a_manifest_without_a_namespace_belongs_to_default() -> None:
    assert Meta.of(manifest()).namespace == "default"


def test_a_status_survives_the_way_to_the_store_and_back() -> None:
    record = BatchRecord(
        shard=0,
        attempt=1,
        tag="k3f9a2",
        state=BatchState.INTENDED,
        requests=3,
        intended_at=datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC),
    )
    status = Status(start_time=datetime(2026, 11, 22, tzinfo=UTC), batches=(record,), cursor="17")

    written = status.model_dump(mode="json", by_alias=True, exclude_none=True)

    assert written["startTime"] == "2026-11-22T00:00:00Z"
    assert Resource.of(manifest() | {"status": written}).status == status


def test_a_field_of_the_status_that_another_version_wrote_is_left_out() -> None:
    read = Resource.of(manifest() | {"status": {"phase": "Pending", "later": {"x": 1}}})

    assert read.status == Status(phase="Pending")
