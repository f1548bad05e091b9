"""`nightsort create`: one night makes one name, however often and late it is tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.cli.cluster.manifest_bundle import ManifestBundle
from nightsort.cli.cluster.plan import ELSEWHERE, NO_KEY, plan_of
from nightsort.cli.cluster.tickets import Wishes
from nightsort.cli.commands.create import order_of, read_one, scheduled, with_name
from nightsort.cli.flags import TicketOptions
from nightsort.cli.manifests import InvalidManifest
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.wiring.cluster import Cluster
from tests.support.manifests import manifest

LATE = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
JOB = f"nightsort-nightly-{int(LATE.timestamp()) // 60}"


def test_the_name_has_the_date_of_the_schedule_however_late_it_is_tried() -> None:
    tried = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)

    assert scheduled(JOB, "UTC", now=tried) == LATE


def test_a_job_made_by_hand_has_the_date_of_today() -> None:
    assert scheduled("try-it", "UTC", now=LATE) == LATE
    assert scheduled("", "UTC", now=LATE) == LATE


@pytest.mark.parametrize("digits", ["20261122", "20291122", "00000000", "99999999"])
def test_a_job_made_by_hand_may_end_in_digits_that_are_no_time_of_a_schedule(digits: str) -> None:
    assert scheduled(f"rerun-{digits}", "UTC", now=LATE) == LATE


@pytest.mark.parametrize("days", [-1, 6])
def test_a_pod_that_could_not_start_for_days_still_makes_its_own_night(days: int) -> None:
    assert scheduled(JOB, "UTC", now=LATE + timedelta(days=days)) == LATE


def test_the_date_is_that_of_the_time_zone() -> None:
    made = with_name(manifest(), "tickets-{date}-{time}", scheduled(JOB, "Europe/Berlin", now=LATE), None)

    assert made["metadata"]["name"] == "tickets-2026-11-23-0030"


@pytest.mark.parametrize("zone", ["Middle/Earth", "", "../etc", "America"])
def test_a_time_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(InvalidManifest, match="is no time zone"):
        scheduled(JOB, zone)


def test_without_a_template_the_name_is_the_manifests() -> None:
    assert with_name(manifest("fixed"), None, LATE, None)["metadata"]["name"] == "fixed"
    with pytest.raises(InvalidManifest, match="give --name"):
        with_name({**manifest(), "metadata": {}}, None, LATE, None)


def test_a_template_that_names_something_else_is_refused() -> None:
    with pytest.raises(InvalidManifest, match=r"\{date\} and \{time\} only"):
        with_name(manifest(), "tickets-{day}", LATE, None)


def test_the_namespace_is_the_flags_the_manifests_or_default() -> None:
    given = {**manifest(), "metadata": {"name": "a", "namespace": "support"}}

    assert with_name(given, None, LATE, "night")["metadata"]["namespace"] == "night"
    assert with_name(given, None, LATE, None)["metadata"]["namespace"] == "support"
    assert with_name({**given, "metadata": {"name": "a"}}, None, LATE, None)["metadata"]["namespace"] == "default"


def test_a_spec_that_can_never_work_is_refused_by_field() -> None:
    with pytest.raises(InvalidManifest, match=r"spec\.promt: unknown field"):
        with_name(manifest(promt={}), "night", LATE, None)


def test_a_file_with_anything_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(yaml.safe_dump_all([manifest("a"), manifest("b")]))

    with pytest.raises(InvalidManifest, match="expected one ClassificationBatch and nothing else"):
        read_one(file)


# --- what is there under the name already -----------------------------------------------------------------------------


@dataclass
class Kept:
    """Resources of a cluster by name, without an API server; `closed` ones may be created and not read."""

    there: dict[str, Any] = field(default_factory=dict)
    closed: bool = False

    async def create(self, made: Mapping[str, Any], *, dry_run: bool = False) -> bool:
        name = made["metadata"]["name"]
        is_new = name not in self.there
        if is_new and not dry_run:
            self.there[name] = {**made, "metadata": {**made["metadata"], "uid": "uid-1"}}
        return is_new

    async def read(self, namespace: str, name: str) -> Mapping[str, Any]:
        if self.closed:
            raise Stalled("not allowed", reason=Reason.FORBIDDEN)
        return dict(self.there[name])


def cluster_of(resources: Kept) -> Cluster:
    return Cluster(cast("Any", resources), MemoryConfigMaps(), "support", EnvSecrets((), {}))


def named(name: str, **spec: Any) -> ManifestBundle:
    made = manifest(name, **spec)
    return ManifestBundle({**made, "metadata": {"name": name, "namespace": "support"}})


async def test_the_same_resource_is_left_alone_whatever_may_change_in_it() -> None:
    cluster = cluster_of(Kept())
    assert await named("night", suspend=False).deliver(cluster)

    assert not await named("night", suspend=True, maxCostUSD="9.00", backoffLimit=2).deliver(cluster)


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_name_with_another_spec_is_refused_and_its_fields_are_named(dry_run: bool) -> None:
    cluster = cluster_of(Kept())
    await named("night").deliver(cluster)

    fallback = {"action": "Fallback", "category": "billing"}
    other = named("night", categories=[{"name": "billing"}], unknownLabel=fallback)

    with pytest.raises(
        Stalled, match=r"^night is there already, with another spec \(categories, unknownLabel\)"
    ) as told:
        await other.deliver(cluster, dry_run=dry_run)
    assert told.value.reason is Reason.NAME_TAKEN


async def test_who_may_not_read_gets_no_comparison() -> None:
    resources = Kept()
    await named("night").deliver(cluster_of(resources))
    resources.closed = True

    assert not await named("night", model="another").deliver(cluster_of(resources))


async def test_a_name_with_other_tickets_is_refused(tmp_path: Path) -> None:
    cluster, file = cluster_of(Kept()), tmp_path / "few.csv"

    def bundle(text: str) -> ManifestBundle:
        file.write_text(text)
        return order_of(file, Wishes("claude-haiku-5-5"), None, LATE, "support", None, TicketOptions())

    assert await bundle("id,subject,body\n1,a,b\n").deliver(cluster)
    assert not await bundle("id,subject,body\n1,a,b\n").deliver(cluster)
    with pytest.raises(Stalled, match="few is there already, with other tickets, and nothing was made"):
        await bundle("id,subject,body\n2,a,b\n").deliver(cluster)


# --- the plan of a dry run --------------------------------------------------------------------------------------------


async def test_a_plan_without_a_key_or_with_a_foreign_source_says_why_there_is_no_price(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("ANTHROPIC_API_KEY", "NIGHTSORT_ANTHROPIC_API_KEY", "NIGHTSORT_ANTHROPIC_API_KEY_FILE"):
        monkeypatch.delenv(variable, raising=False)
    cluster = cluster_of(Kept())

    assert await plan_of(named("night"), cluster) == [("price", NO_KEY)]
    database = {"urlSecretRef": {"name": "db", "key": "url"}, "query": "SELECT * FROM tickets"}
    assert await plan_of(named("night", source={"database": database}), cluster) == [("price", ELSEWHERE)]
    missing = {"configMap": {"name": "tickets", "key": "tickets.csv"}}
    [(_, told)] = await plan_of(named("night", source=missing), cluster)
    assert told == "not known: ConfigMap tickets does not exist; it may come later"
