"""The metrics as Prometheus reads them, from what the scheduler has in sight."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from nightsort.adapters.telemetry.metrics import PrometheusMetrics
from nightsort.api.resource import Resource
from nightsort.domain.answer import Verdict
from nightsort.domain.errors import Stalled
from nightsort.domain.resource_stats import ResourceStats
from nightsort.domain.run_state import Outcome
from nightsort.flow.run.context import about, about_batch
from nightsort.kube.logs import JsonLines
from nightsort.kube.scheduler import ResourceScheduler
from nightsort.kube.web import serving
from nightsort.ports import Metrics
from tests.support.manifests import manifest
from tests.support.processes import free_ports
from tests.support.world import PRIVATE, World

BOUNDED = {
    "namespace",
    "model",
    "verdict",
    "answer",
    "state",
    "operation",
    "code",
    "outcome",
    "phase",
    "standing",
    "version",
    "le",
}


def samples(page: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Values by name and labels."""
    families = text_string_to_metric_families(page.decode())
    return {
        (each.name, frozenset(each.labels.items())): each.value
        for family in families
        for each in family.samples
        if not each.name.endswith("_created")
    }


def value(page: bytes, name: str, **labels: str) -> float | None:
    return samples(page).get((name, frozenset(labels.items())))


@pytest.fixture
def metrics() -> PrometheusMetrics:
    return PrometheusMetrics("1.2.3")


def fill(metrics: Metrics) -> None:
    metrics.expect("support", "claude-haiku-4-5")
    metrics.ended("support", "claude-haiku-4-5", Verdict.LABELED, 3)
    metrics.run_ended("support", "claude-haiku-4-5", Outcome.FAILED)
    metrics.spent("support", "claude-haiku-4-5", Decimal("0.25"), Decimal("0.25"))
    metrics.compared("support", "claude-haiku-4-5", 9, 1)
    metrics.evaluated("support", "claude-haiku-4-5", 0.9, 0.6)
    metrics.batch_ended(timedelta(hours=2))
    metrics.called("recent", "RateLimited")
    metrics.admitted(timedelta(minutes=2))
    metrics.looked("rested", timedelta(seconds=2))
    metrics.leads()
    metrics.sees(ResourceStats({("Processing", "Working"): 2}, {"Submitted": 4}, 1, 3, timedelta(hours=1), held=2))


def test_what_is_counted_stands_on_the_page(metrics: PrometheusMetrics) -> None:
    fill(metrics)
    page, run = metrics.text(), {"namespace": "support", "model": "claude-haiku-4-5"}

    assert value(page, "nightsort_tickets_total", **run, verdict="Labeled") == 3
    assert value(page, "nightsort_tickets_total", **run, verdict="Expired") == 0
    assert value(page, "nightsort_runs_ended_total", **run, outcome="Failed") == 1
    assert value(page, "nightsort_runs_ended_total", **run, outcome="Complete") == 0
    assert value(page, "nightsort_cost_usd_total", **run) == 0.25
    assert value(page, "nightsort_saved_usd_total", **run) == 0.25
    assert value(page, "nightsort_known_tickets_total", **run, answer="right") == 9
    assert value(page, "nightsort_known_tickets_total", **run, answer="wrong") == 1
    assert value(page, "nightsort_accuracy", **run) == 0.9
    assert value(page, "nightsort_accuracy_low", **run) == 0.6
    assert value(page, "nightsort_held_resources") == 2
    assert value(page, "nightsort_batch_duration_seconds_sum") == 7200
    assert value(page, "nightsort_api_calls_total", operation="recent", code="RateLimited") == 1
    assert value(page, "nightsort_api_calls_total", operation="create", code="ok") == 0
    assert value(page, "nightsort_queue_wait_seconds_sum") == 120
    assert value(page, "nightsort_queue_length") == 3
    assert value(page, "nightsort_looks_total", outcome="rested") == 1
    assert value(page, "nightsort_look_duration_seconds_sum") == 2
    assert value(page, "nightsort_resources", phase="Processing", standing="Working") == 2
    assert value(page, "nightsort_batches", state="Submitted") == 4
    assert value(page, "nightsort_stalled_resources") == 1
    assert value(page, "nightsort_oldest_batch_age_seconds") == 3600
    assert value(page, "nightsort_leader") == 1
    assert value(page, "nightsort_build_info", version="1.2.3") == 1


def test_labels_are_bounded(metrics: PrometheusMetrics) -> None:
    fill(metrics)

    assert {name for _, labels in samples(metrics.text()) for name, _ in labels} == BOUNDED


def test_one_who_waits_for_its_turn_says_so(metrics: PrometheusMetrics) -> None:
    assert value(metrics.text(), "nightsort_leader") == 0


def test_what_is_no_more_is_not_told_any_longer(metrics: PrometheusMetrics) -> None:
    fill(metrics)
    metrics.sees(ResourceStats({}, {}, 0, 0, timedelta(0)))

    assert value(metrics.text(), "nightsort_resources", phase="Processing", standing="Working") is None
    assert value(metrics.text(), "nightsort_batches", state="Submitted") == 0


def seen(resource: Resource) -> dict[str, Any]:
    """The resource as a watch has it."""
    status = resource.status.model_dump(mode="json", by_alias=True, exclude_none=True)
    meta = {"name": resource.meta.name, "namespace": "support", "uid": resource.meta.uid}
    return {**manifest(), "metadata": meta, "status": status}


def sight(world: World, scheduler: ResourceScheduler) -> ResourceStats:
    scheduler.measure()
    assert world.metrics.sight is not None
    return world.metrics.sight


async def test_the_desk_counts_resources_and_batches_as_they_come_and_go(world: World) -> None:
    scheduler = ResourceScheduler(world.services, timedelta(seconds=1))
    done = await world.run_until_finished(world.apply("billing", name="done"))
    flying, stuck = world.apply("billing", name="flying"), world.apply("billing", name="stuck")
    began = world.clock.now()
    await world.look(flying)
    world.connections.errors_of["stuck"] = Stalled("the Secret is missing")
    await world.look(stuck)
    world.clock.advance(3600)

    for resource in (done, flying, stuck):
        scheduler.see("MODIFIED", seen(world.ledger.current(resource.meta)))

    assert sight(world, scheduler) == ResourceStats(
        resources={("Complete", "Complete"): 1, ("Processing", "Working"): 1, ("Stalled", "Stalled"): 1},
        batches={"Submitted": 1},
        stalled=1,
        queued=0,
        oldest_batch=world.clock.now() - began,
    )

    for resource in (done, flying, stuck):
        scheduler.see("DELETED", seen(resource))
    assert sight(world, scheduler) == ResourceStats({}, {}, 0, 0, timedelta(0))


async def test_a_phase_that_somebody_made_up_is_no_label(world: World) -> None:
    scheduler = ResourceScheduler(world.services, timedelta(seconds=1))
    made_up = seen(world.apply("billing"))
    made_up["status"]["phase"] = "Whatever"
    scheduler.see("ADDED", made_up)

    assert sight(world, scheduler).resources == {("Pending", "Working"): 1}


async def test_the_page_is_served_beside_the_probe(metrics: PrometheusMetrics) -> None:
    (port,) = free_ports(1)
    async with serving(port, list, metrics.text), aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{port}/metrics")
        assert answer.content_type == "text/plain"
        assert value(await answer.read(), "nightsort_build_info", version="1.2.3") == 1


# --- the log ----------------------------------------------------------------------------------------------------------


def line(**more: Any) -> dict[str, Any]:
    record = logging.makeLogRecord(
        {"name": "nightsort.flow", "levelno": 30, "levelname": "WARNING", "msg": "a\nb"} | more
    )
    text = JsonLines().format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_of_the_log_names_its_resource_and_its_batch() -> None:
    with about("support/tickets"), about_batch("msgbatch_1"):
        told = line()
    assert told.pop("time")
    assert told == {
        "level": "warning",
        "logger": "nightsort.flow",
        "message": "a\nb",
        "resource": "support/tickets",
        "batch": "msgbatch_1",
    }


def test_a_line_that_is_about_nothing_names_nothing() -> None:
    assert set(line()) == {"time", "level", "logger", "message"}


def test_a_line_of_kopfs_names_its_resource_too() -> None:
    assert line(k8s_ref={"namespace": "support", "name": "tickets"})["resource"] == "support/tickets"


async def test_lines_written_during_a_look_name_the_resource_and_no_ticket_text(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(JsonLines())
    caplog.set_level(logging.DEBUG)
    world.connections.error = RuntimeError("nobody foresaw this")

    await world.look(world.apply("billing", name="odd"))

    told, *others = [json.loads(each) for each in caplog.text.splitlines() if "unexpected" in each]
    assert told["resource"] == "support/odd"
    assert "RuntimeError" in told["error"]
    assert [(each["logger"], each["resource"]) for each in others] == [("nightsort.runs", "support/odd")]
    assert PRIVATE not in caplog.text
