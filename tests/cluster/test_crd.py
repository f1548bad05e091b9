"""The CRD on a real API server: what `kubectl` shows to somebody who applies a resource."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightsort.api.resource import Resource
from tests.cluster.controlplane.plane import ControlPlane, KubectlFailed
from tests.support.manifests import ACCEPTED, REFUSED, manifest, names

pytestmark = pytest.mark.cluster

COUNTS = ("TICKETS", "LABELED", "UNKNOWN", "FAILED", "REUSED")


@pytest.fixture(scope="session")
def plane(breakable_plane: ControlPlane) -> ControlPlane:
    """One whose operators keep to their own namespaces: here nobody else writes a status."""
    return breakable_plane


def apply(plane: ControlPlane, namespace: str, given: dict[str, Any], *flags: str) -> str:
    return plane.kubectl("apply", "-n", namespace, *flags, "-f", "-", input=json.dumps(given))


def get(plane: ControlPlane, namespace: str, *output: str) -> str:
    return plane.kubectl("get", "cb", "-n", namespace, *output)


def test_the_crd_is_established(plane: ControlPlane) -> None:
    path = 'jsonpath={.status.conditions[?(@.type=="Established")].status}'

    assert plane.kubectl("get", "crd", "classificationbatches.nightsort.dev", "-o", path) == "True"


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_the_models_accept_is_accepted(plane: ControlPlane, case: str) -> None:
    assert "created" in apply(plane, "default", manifest(**ACCEPTED[case]), "--dry-run=server")


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_models_refuse_is_refused_at_the_same_field(plane: ControlPlane, case: str) -> None:
    spec, field, words = REFUSED[case]

    with pytest.raises(KubectlFailed) as refused:
        apply(plane, "default", manifest(**spec), "--dry-run=server")

    assert f"{field}: " in str(refused.value)
    assert words.lower() in str(refused.value).lower()


def test_an_unknown_field_is_refused(plane: ControlPlane) -> None:
    with pytest.raises(KubectlFailed, match=r'unknown field "spec\.promt"'):
        apply(plane, "default", manifest(promt={"maxTokens": 5}), "--dry-run=server")


def test_a_name_that_leaves_no_room_for_the_results_is_refused(plane: ControlPlane) -> None:
    with pytest.raises(KubectlFailed, match=r"metadata\.name: .*may not be more than 200"):
        apply(plane, "default", manifest("t" * 201), "--dry-run=server")


def test_defaults_are_filled_in_and_mean_what_the_models_mean(plane: ControlPlane, namespace: str) -> None:
    apply(plane, namespace, manifest())

    read = json.loads(get(plane, namespace, "tickets", "-o", "json"))

    assert read["spec"]["backoffLimit"] == 2
    assert read["spec"]["unknownLabel"] == {"action": "Fail"}
    assert "categories" not in read["spec"], "beside a categorySetRef they would be wrong"
    assert Resource.of(read).spec == Resource.of(manifest()).spec


OTHER_INLINE = {"inline": {"tickets": [{"id": "2"}]}}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "claude-sonnet-4-5"),
        ("source", OTHER_INLINE),
        ("source", {"configMap": {"name": "tickets", "key": "tickets.csv"}}),
        ("results", {"configMap": {"name": "elsewhere"}}),
        ("categories", names("billing", "other")),
        ("categorySetRef", {"name": "support"}),
        ("unknownLabel", {"action": "Retry"}),
        ("prompt", {"instructions": "Be kind"}),
        ("fields", [{"name": "urgency", "values": ["low", "high"]}]),
        ("confidence", True),
        ("categoriesPerTicket", 2),
        ("inferenceGeo", "us"),
        ("shards", {"maxRequests": 10}),
        ("backoffLimit", 0),
        ("overlapPolicy", "Allow"),
        ("credentials", {"secretRef": {"name": "anthropic", "key": "api-key"}}),
    ],
)
def test_what_decides_what_is_bought_cannot_be_changed(
    plane: ControlPlane, namespace: str, field: str, value: Any
) -> None:
    apply(plane, namespace, manifest())

    with pytest.raises(KubectlFailed, match=f"{field}.* is immutable.*Create another resource instead"):
        apply(plane, namespace, manifest(**{field: value}))


def test_credentials_cannot_be_taken_away_or_changed(plane: ControlPlane, namespace: str) -> None:
    apply(plane, namespace, manifest(credentials={"secretRef": {"name": "anthropic", "key": "api-key"}}))

    with pytest.raises(KubectlFailed, match="credentials is immutable"):
        apply(plane, namespace, manifest())
    with pytest.raises(KubectlFailed, match=r"spec\.credentials: .* is immutable"):
        apply(plane, namespace, manifest(credentials={"secretRef": {"name": "other", "key": "api-key"}}))


def test_of_an_evaluation_only_the_release_may_be_changed(plane: ControlPlane, namespace: str) -> None:
    rule: dict[str, Any] = {"truth": {"column": "agent"}, "minAccuracy": "0.9"}
    given: dict[str, Any] = {"source": {"configMap": {"name": "tickets", "key": "tickets.csv"}}}
    apply(plane, namespace, manifest(**given, evaluation=rule))

    for other in (
        {"truth": {"column": "category"}, "minAccuracy": "0.9"},
        {"truth": {"column": "agent"}, "minAccuracy": "0.1"},
        {"truth": {"column": "agent"}},
        rule | {"onFailure": "Report"},
        rule | {"sample": 10},
        None,
    ):
        more: dict[str, Any] = {"evaluation": other} if other else {}
        with pytest.raises(KubectlFailed, match="is immutable"):
            apply(plane, namespace, manifest(**given, **more))
    changed = apply(plane, namespace, manifest(**given, evaluation=rule | {"release": True}))
    assert changed == "classificationbatch.nightsort.dev/tickets configured\n"


def test_limits_may_be_changed(plane: ControlPlane, namespace: str) -> None:
    apply(plane, namespace, manifest(maxCostUSD="1"))

    changed = apply(plane, namespace, manifest(maxCostUSD="2", pollIntervalSeconds=5, suspend=True))

    assert changed == "classificationbatch.nightsort.dev/tickets configured\n"


def test_the_largest_resource_is_within_the_budget_of_the_rules(plane: ControlPlane, namespace: str) -> None:
    categories = [
        {
            "name": f"{number:064}",
            "description": "d" * 1000,
            "aliases": [f"{number:03}{alias:061}" for alias in range(20)],
        }
        for number in range(200)
    ]
    tickets = [{"id": f"{number:0512}", "body": "b" * 300} for number in range(1000)]
    values = [f"{number:064}" for number in range(25)]
    fields = [{"name": f"field_{number}", "values": values, "description": "d" * 1000} for number in range(20)]
    largest = manifest(categories=categories, fields=fields, source={"inline": {"tickets": tickets}})

    apply(plane, namespace, largest, "--server-side")
    largest["spec"]["pollIntervalSeconds"] = 5

    assert "applied" in apply(plane, namespace, largest, "--server-side")


def test_the_resource_explains_itself(plane: ControlPlane) -> None:
    explained = plane.kubectl("explain", "cb.spec")

    assert "KIND:       ClassificationBatch" in explained
    assert "What to sort, by which model, into which categories." in explained
    assert "The model that reads the tickets" in explained
    assert "Where the tickets are: exactly one of the kinds." in explained


STATUS = {
    "phase": "Processing",
    "message": "1 batch is being processed",
    "tickets": {"total": 3000, "labeled": 2990, "unknown": 3, "failed": 7, "inFlight": 0},
    "batches": [
        {
            "shard": 0, "attempt": 0, "tag": "k3f9a2", "state": "Submitted", "id": "msgbatch_01", "requests": 3000,
            "intendedAt": "2026-11-22T00:00:00.000000Z",
        }
    ],
    "cost": {"actualUSD": "0.47", "savedUSD": "0.46"},
}  # fmt: skip


@pytest.fixture
def reported(plane: ControlPlane, namespace: str) -> str:
    """A namespace with a resource that has a status, and another that has none."""
    apply(plane, namespace, manifest())
    apply(plane, namespace, manifest("untouched", model="claude-sonnet-4-5"))
    patch = json.dumps({"status": STATUS})
    plane.kubectl("patch", "cb", "tickets", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)
    return namespace


def test_the_columns_tell_the_story(plane: ControlPlane, reported: str) -> None:
    heads, row, *_ = get(plane, reported).splitlines()

    assert heads.split() == ["NAME", "PHASE", "REASON", *COUNTS, "COST", "AGE"]
    assert row.split()[:-1] == ["tickets", "Processing", "3000", "2990", "3", "7", "0.47"]


def test_wide_columns_tell_more(plane: ControlPlane, reported: str) -> None:
    heads, row, *_ = get(plane, reported, "-o", "wide").splitlines()

    assert heads.split()[-5:] == ["BATCH", "MODEL", "ESTIMATE", "SAVED", "MESSAGE"]
    assert "msgbatch_01" in row
    assert row.split(maxsplit=11)[9:] == ["claude-haiku-4-5", "0.46", "1 batch is being processed"]


def test_resources_are_selected_by_phase_and_model(plane: ControlPlane, reported: str) -> None:
    by_phase = get(plane, reported, "--field-selector=status.phase=Processing", "-o", "name")
    by_model = get(plane, reported, "--field-selector=spec.model=claude-sonnet-4-5", "-o", "name")

    assert by_phase == "classificationbatch.nightsort.dev/tickets\n"
    assert by_model == "classificationbatch.nightsort.dev/untouched\n"


def test_the_resource_is_among_all(plane: ControlPlane, reported: str) -> None:
    assert "classificationbatch.nightsort.dev/tickets" in plane.kubectl("get", "all", "-n", reported)
