"""What traces tell of a run, and what they do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nightsort.adapters.telemetry.tracing import OtelTraces
from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from nightsort.flow.run.circuit_breaker import CircuitBreakerApi
from tests.support.faults import raising
from tests.support.world import PRIVATE, World


@pytest.fixture
def spans(world: World) -> Iterator[InMemorySpanExporter]:
    """What was traced of the world."""
    exporter = InMemorySpanExporter()
    traces = OtelTraces(SimpleSpanProcessor(exporter), "test")
    world.use(traces=traces)
    world.connections.account = CircuitBreakerApi(world.api, world.clock, traces=traces)
    yield exporter
    traces.close()


def names(spans: Sequence[ReadableSpan]) -> Counter[str]:
    return Counter(span.name for span in spans)


async def test_a_run_is_one_trace_whose_id_is_the_resources_uid(world: World, spans: InMemorySpanExporter) -> None:
    resource = await world.run_until_finished(world.apply("billing", "technical"))

    told = spans.get_finished_spans()
    assert {span.context.trace_id for span in told if span.context} == {UUID(resource.meta.uid).int}
    run = next(span for span in told if span.name == "run")
    assert run.parent is None
    began, ended = resource.status.start_time, resource.status.completion_time
    assert began
    assert ended
    assert (run.start_time, run.end_time) == (began.timestamp() * 10**9, ended.timestamp() * 10**9)
    assert run.attributes
    assert run.attributes["nightsort.tickets.labeled"] == 2
    steps = [span for span in told if span.parent and run.context and span.parent.span_id == run.context.span_id]
    assert names(steps) == {"prepare": 1, "submit": 1, "collect": 1}
    by_step = {step.context.span_id: step.name for step in steps if step.context}
    calls = {(by_step[span.parent.span_id], span.name) for span in told if span.parent and span not in steps}
    assert {("submit", "batches create"), ("collect", "batches results"), ("collect", "write rows")} <= calls


async def test_processes_that_follow_each_other_tell_of_one_trace(world: World, spans: InMemorySpanExporter) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    account, later = world.connections.account, InMemorySpanExporter()
    world.restart()
    world.use(traces=OtelTraces(SimpleSpanProcessor(later), "test"))
    world.connections.account = CircuitBreakerApi(world.api, world.clock, traces=world.services.traces)

    await world.run_until_finished(resource)

    assert account is not world.connections.account
    assert names(spans.get_finished_spans())["prepare"] == names(later.get_finished_spans())["collect"] == 1
    both = (*spans.get_finished_spans(), *later.get_finished_spans())
    assert len({span.context.trace_id for span in both if span.context}) == 1


async def test_what_fails_is_told_in_a_word_and_without_text_of_tickets(
    world: World, spans: InMemorySpanExporter
) -> None:
    world.api.before = raising(Waiting("too much at once", reason=Reason.OVERLOADED), "create")
    world.api.after = raising(RuntimeError(f"did not expect {PRIVATE}"), "results")

    await world.run_until_finished(world.apply("billing"))

    failed = {(span.name, span.status.description) for span in spans.get_finished_spans() if not span.status.is_ok}
    assert failed == {
        ("submit", "Overloaded"),
        ("batches create", "Overloaded"),
        ("collect", "RuntimeError"),
        ("batches results", "RuntimeError"),
    }
    assert PRIVATE not in "".join(span.to_json() for span in spans.get_finished_spans())
