"""What `doctor` finds, on an installation in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from nightsort import __version__
from nightsort.adapters.kubernetes.inspection import operator_of
from nightsort.api.category_set import SET_KIND
from nightsort.api.crd import crd, crd_of_sets
from nightsort.api.credentials import SecretRef
from nightsort.api.resource import Resource
from nightsort.cli.examinations import in_cluster
from nightsort.cli.examinations.account import clock, model
from nightsort.cli.examinations.findings import Finding, Level, as_json, of, verdict_of
from nightsort.cli.examinations.in_cluster import Examination
from nightsort.cli.examinations.permissions import OPERATOR, READ_SECRETS, of_operator, secrets_of
from nightsort.cli.examinations.schema import missing
from nightsort.domain.batch import Catalogue, ModelFacts
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.installation import Operator, Permission
from nightsort.domain.prices import PRICE_TABLE
from nightsort.domain.reasons import Reason
from nightsort.settings import Settings
from nightsort.wiring.cluster import Cluster
from tests.support.manifests import manifest

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SET_SCHEMA: dict[str, Any] = crd_of_sets()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
OURS = Operator("nightsort", "nightsort", __version__, 1, 1, "nightsort", {}, SecretRef(name="own", key="api-key"))


@dataclass
class Installation:
    """Implements `ports.inspection.Inspection` as far as a test says."""

    known: Mapping[str, Any] | None = field(default_factory=lambda: SCHEMA)
    sets: Mapping[str, Any] | None = field(default_factory=lambda: SET_SCHEMA)
    there: Sequence[Operator] = (OURS,)
    forbidden: Sequence[str] = ()
    lacking: Sequence[str] = ()
    runs: Sequence[Mapping[str, Any]] = ()
    address: str = "https://cluster.example:6443"

    async def server(self) -> tuple[str, datetime | None]:
        return "v1.37.2", datetime.now(UTC).replace(microsecond=0)

    async def schema(self, kind: str) -> Mapping[str, Any] | None:
        return self.sets if kind == SET_KIND else self.known

    async def operators(self, namespace: str | None = None) -> Sequence[Operator]:
        self._refuse("deployments")
        return self.there

    async def may(self, permission: Permission, namespace: str, account: str = "") -> bool:
        self._refuse("reviews" if account else "own reviews")
        return f"{account}/{permission}" not in self.lacking

    async def secret(self, namespace: str, ref: SecretRef) -> str | None:
        self._refuse("secrets")
        return None

    async def there_in(self, namespace: str | None) -> Sequence[Mapping[str, Any]]:
        return self.runs

    def _refuse(self, what: str) -> None:
        if what in self.forbidden:
            raise Stalled(f"cannot read {what}: forbidden", reason=Reason.FORBIDDEN)

    async def findings(self) -> dict[str, Finding]:
        """The worst finding of each subject."""
        found: dict[str, Finding] = {}
        for one in await self.all_findings():
            if one.subject not in found or one.level is Level.FAILED:
                found[one.subject] = one
        return found

    async def all_findings(self) -> list[Finding]:
        """No key is asked for anywhere."""
        resources = type("Resources", (), {"there": staticmethod(self.there_in)})()
        cluster = Cluster(resources, cast(Any, None), "support", cast(Any, None))
        made = Examination(self, cluster, "support", Settings(anthropic_api_key=None, anthropic_api_key_file=None))
        return [one async for one in made.findings()]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "NIGHTSORT_ANTHROPIC_API_KEY", "NIGHTSORT_ANTHROPIC_API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


async def test_an_installation_as_the_chart_makes_it_is_sound() -> None:
    found = await Installation(forbidden=["secrets"]).findings()

    assert {one.level for one in found.values()} == {Level.OK, Level.WARNING}
    assert found["key"].message == "not tried: you may not read Secret nightsort/own, which has it"
    assert found["operator"].message == f"nightsort/nightsort {__version__}: 1 of 1 ready, watches all namespaces"


async def test_a_cluster_without_the_crd_is_told_how_to_get_it_and_nothing_else_is_asked() -> None:
    found = await Installation(known=None).findings()

    assert found["CRD"].level is Level.FAILED
    assert "nightsort crds | kubectl apply" in found["CRD"].remedy
    assert "operator" not in found


@pytest.mark.parametrize(
    ("older", "level", "told"),
    [(True, Level.FAILED, "the cluster's lacks spec.reuse"), (False, Level.WARNING, "does not know spec.tomorrow")],
)
async def test_a_crd_of_another_version_is_named_by_the_fields_that_differ(
    older: bool, level: Level, told: str
) -> None:
    theirs = json.loads(json.dumps(SCHEMA))
    if older:
        del theirs["properties"]["spec"]["properties"]["reuse"]
    else:
        theirs["properties"]["spec"]["properties"]["tomorrow"] = {"type": "object", "properties": {"a": {}}}

    found = await Installation(known=theirs).findings()

    assert (found["CRD"].level, found["CRD"].message.endswith(told)) == (level, True)


async def test_a_cluster_without_category_sets_is_told_and_everything_else_is_looked_at() -> None:
    account = "nightsort:nightsort"
    found = await Installation(sets=None).all_findings()

    [told] = [one for one in found if "CategorySet" in one.message]
    assert (told.level, told.subject) == (Level.WARNING, "CRD")
    assert "nightsort crds | kubectl apply" in told.remedy
    assert any(account in one.message for one in found)


async def test_a_category_set_of_an_older_version_is_named_by_what_it_lacks() -> None:
    theirs = json.loads(json.dumps(SET_SCHEMA))
    del theirs["properties"]["spec"]["properties"]["instructions"]

    found = await Installation(sets=theirs).findings()

    assert found["CRD"].level is Level.FAILED
    assert found["CRD"].message == "CategorySet is older than this nightsort: the cluster's lacks spec.instructions"


async def test_who_may_not_write_config_maps_is_told_that_review_needs_it() -> None:
    found = await Installation(lacking=["/patch configmaps"]).findings()

    assert found["you may not"].level is Level.WARNING
    assert "patch configmaps in namespace support, which is needed for review" in found["you may not"].message


async def test_an_operator_that_does_not_watch_the_namespace_or_is_down_has_failed() -> None:
    narrow = Operator("ops", "nightsort", __version__, 1, 1, "nightsort", {"NIGHTSORT_NAMESPACES": "sales, dev"})
    down = Operator("ops", "nightsort", __version__, 2, 0, "nightsort", {})

    assert (await Installation(there=[narrow]).findings())["operator"].message == "watches sales, dev, not support"
    assert "no pod of it is ready" in (await Installation(there=[down]).findings())["operator"].message


async def test_without_a_deployment_the_runs_show_whether_there_is_an_operator() -> None:
    nobody = await Installation(there=[]).findings()
    somebody = await Installation(there=[], runs=[{"status": {"phase": "Complete"}}]).findings()

    assert (nobody["operator"].level, somebody["operator"].level) == (Level.FAILED, Level.WARNING)


async def test_a_person_who_may_not_list_deployments_is_told_that_and_nothing_has_failed() -> None:
    found = await Installation(forbidden=["deployments"]).findings()

    assert found["operator"].level is Level.WARNING
    assert found["operator"].message.startswith("it cannot be seen: cannot read deployments")


async def test_what_a_person_may_not_do_is_told_with_what_needs_it() -> None:
    found = await Installation(lacking=["/list classificationbatches"]).findings()

    assert found["you may not"].level is Level.FAILED
    assert "list classificationbatches in namespace support, which is needed for status" in found["you may not"].message


async def test_what_the_operator_may_not_do_is_told_and_who_may_not_ask_is_told_that() -> None:
    account = "nightsort:nightsort"
    lacks = Installation(lacking=[f"{account}/patch classificationbatches/status", f"{account}/{READ_SECRETS}"])
    found = [one async for one in of_operator(lacks, account, "support", ())]
    asked = [one async for one in of_operator(Installation(forbidden=["reviews"]), account, "support", ())]

    assert [one.level for one in found] == [Level.WARNING, Level.FAILED]
    assert "nightsort:nightsort may not patch classificationbatches/status in namespace support" in found[1].message
    assert [one.level for one in asked] == [Level.WARNING]
    assert f"--as=system:serviceaccount:{account}" in asked[0].remedy


def test_the_operator_is_asked_for_exactly_what_its_manifest_gives_it() -> None:
    documents = yaml.safe_load_all((ROOT / "deploy" / "operator.yaml").read_text())
    [role] = [one for one in documents if one["kind"] == "ClusterRole" and one["metadata"]["name"] == "nightsort"]

    given = {
        (verb, resource, rule["apiGroups"][0])
        for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }  # fmt: skip

    assert {(one.verb, one.resource, one.group) for one in (*OPERATOR, READ_SECRETS)} == given


def test_the_operators_key_is_found_in_its_deployment() -> None:
    documents = yaml.safe_load_all((ROOT / "deploy" / "operator.yaml").read_text())
    deployment = next(one for one in documents if one["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert operator_of(deployment).key is None
    assert operator_of(deployment).account == "nightsort"

    variable = {"name": "ANTHROPIC_API_KEY", "valueFrom": {"secretKeyRef": {"name": "own", "key": "k"}}}
    container["env"] = [variable]
    assert operator_of(deployment).key == SecretRef(name="own", key="k")
    container["env"] = [{"name": "NIGHTSORT_ANTHROPIC_API_KEY_FILE", "value": "/run/key/api-key"}]
    container["volumeMounts"] = [{"name": "key", "mountPath": "/run/key"}]
    volume = {"name": "key", "secret": {"secretName": "own", "items": [{"key": "k", "path": "api-key"}]}}
    deployment["spec"]["template"]["spec"]["volumes"] = [volume]
    assert operator_of(deployment).key == SecretRef(name="own", key="k")


def test_the_secrets_of_a_run_are_those_that_its_spec_names() -> None:
    database = {"urlSecretRef": {"name": "db", "key": "url"}}
    resource = Resource.of(
        manifest(
            "night",
            source={"database": {**database, "query": "SELECT id, body FROM tickets"}},
            results={
                "database": {**database, "table": "labels"},
                "objectStore": {"url": "s3://bucket/results/", "secretRef": {"name": "s3"}},
            },
            credentials={"secretRef": {"name": "anthropic", "key": "api-key"}},
        )
    )

    assert secrets_of(resource) == ["db", "s3", "anthropic"]


@pytest.mark.parametrize(
    ("seconds", "level", "told"),
    [
        (0, Level.OK, "agrees"),
        (-5, Level.OK, "agrees"),
        (20, Level.WARNING, "is 20 s behind the API's"),
        (-21, Level.WARNING, "is 20 s ahead of the API's"),
        (3600, Level.FAILED, "is 3,600 s behind"),
    ],
)
def test_a_clock_is_measured_however_long_the_call_takes(seconds: int, level: Level, told: str) -> None:
    there = NOON + timedelta(seconds=seconds)

    assert clock("clock", NOON, NOON, there, "it").level is level
    assert told in clock("clock", NOON, NOON, there, "it").message
    if seconds >= 0:
        slow = clock("clock", NOON - timedelta(minutes=30), there, there, "it")
        assert slow.level is Level.OK, "a slow call is no wrong clock"
    assert clock("clock", NOON, NOON, None, "it").level is Level.WARNING


def test_the_model_of_a_run_is_looked_for_in_the_catalogue() -> None:
    catalogue = Catalogue(
        (ModelFacts("claude-haiku-5-5"), ModelFacts("old", retired=True), ModelFacts("leaving", retires_at=NOON))
    )

    def found(name: str) -> Finding:
        [one] = model(name, catalogue, PRICE_TABLE, NOON - timedelta(days=30))
        return one

    assert found("claude-haiku-5-5").level is Level.OK
    assert found("leaving").level is Level.WARNING
    assert found("old").level is found("claude-haiku-5.5").level is Level.FAILED
    assert found("claude-haiku-5.5").remedy.startswith("There are claude-haiku-5-5 (0.10 / 0.50)")


def test_a_field_that_is_missing_is_named_once_and_not_with_all_below_it() -> None:
    wanted = {
        "properties": {
            "spec": {"properties": {"a": {"properties": {"b": {}}}, "c": {"items": {"properties": {"d": {}}}}}}
        }
    }
    there: dict[str, Any] = {"properties": {"spec": {"properties": {"c": {"items": {}}}}}}

    assert missing(wanted, there) == ["spec.a", "spec.c[].d"]
    assert missing(there, wanted) == []


def test_findings_are_lines_or_one_document() -> None:
    findings = [
        Finding(Level.OK, "key", "fine"),
        of("source", Waiting("no answer\x1b[2J", reason=Reason.DATABASE_UNREACHABLE)),
    ]
    document = json.loads(as_json("1.0", findings))

    assert document["failed"] is True
    assert [one["result"] for one in document["checks"]] == ["ok", "failed"]
    assert "\x1b" not in findings[1].line
    assert verdict_of(findings) == "1 failed, 0 to look at, 1 ok"
    assert verdict_of(findings[:1]) == "everything that was looked at works"


def test_a_stalled_run_has_failed_and_says_why() -> None:
    stalled = {"type": "Stalled", "status": "True", "reason": "CredentialsMissing"}
    stalled["lastTransitionTime"] = "2026-11-29T12:00:00Z"
    whole = {**manifest("night"), "status": {"phase": "Pending", "message": "no key", "conditions": [stalled]}}

    assert in_cluster.state_of(Resource.served(whole)).level is Level.FAILED
