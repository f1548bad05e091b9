"""`nightsort create`: one night makes one name, however often and late it is tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from nightsort.cli.commands.create import read_one, scheduled, with_name
from nightsort.cli.manifests import InvalidManifest
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
