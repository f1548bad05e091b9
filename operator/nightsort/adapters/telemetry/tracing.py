"""Traces in OpenTelemetry's format, sent by OTLP over HTTP; its own variables (OTEL_...) name the receiver."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION
from opentelemetry.sdk.resources import Resource as Service
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags

from nightsort.api.resource import Meta, Resource
from nightsort.domain.errors import Interruption


class RunIds(IdGenerator):
    """Random ids, except for the spans of whole runs, which every process of a run must know beforehand."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.next: SpanContext | None = None

    def generate_trace_id(self) -> int:
        return self.next.trace_id if self.next else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        return self.next.span_id if self.next else self._random.generate_span_id()


class OtelTraces:
    """Spans of runs, their steps, and the calls that these wait for. Error texts stay out: they may quote tickets."""

    def __init__(self, processor: SpanProcessor, version: str) -> None:
        self._ids = RunIds()
        service = Service.create({SERVICE_NAME: "nightsort", SERVICE_VERSION: version})
        self._provider = TracerProvider(resource=service, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("nightsort", version)

    @contextmanager
    def step(self, meta: Meta, name: str, batch: str | None) -> Iterator[None]:
        attributes = about(meta) | ({"nightsort.batch": batch} if batch else {})
        context = trace.set_span_in_context(NonRecordingSpan(whole_run(meta)))
        with (
            self._tracer.start_as_current_span(
                name, context, attributes=attributes, record_exception=False, set_status_on_exception=False
            ) as span,
            failing(span),
        ):
            yield

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        if not trace.get_current_span().get_span_context().is_valid:
            yield
            return
        # Not made the current one: a stream of results may be closed in another context than it was opened in.
        span = self._tracer.start_span(name, record_exception=False, set_status_on_exception=False)
        try:
            with failing(span):
                yield
        finally:
            span.end()

    def ended(self, resource: Resource) -> None:
        status = resource.status
        if status.start_time is None or status.completion_time is None:
            return
        counts = status.tickets
        attributes = about(resource.meta) | {
            "gen_ai.request.model": resource.spec.model,
            "nightsort.phase": status.phase or "",
            "nightsort.tickets": counts.total,
            "nightsort.tickets.labeled": counts.labeled,
            "nightsort.tickets.unknown": counts.unknown,
            "nightsort.tickets.failed": counts.failed,
            "nightsort.tickets.reused": counts.reused,
            "nightsort.tickets.duplicates": counts.duplicates,
            "nightsort.batches": len(status.batches),
        }
        self._ids.next = whole_run(resource.meta)
        try:
            started = nanoseconds(status.start_time)
            span = self._tracer.start_span("run", Context(), attributes=attributes, start_time=started)
        finally:
            self._ids.next = None
        span.end(nanoseconds(status.completion_time))

    def close(self) -> None:
        """Sends the rest, as far as the receiver accepts it; blocks for seconds where there is none."""
        self._provider.shutdown()


def open_traces(version: str) -> OtelTraces:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return OtelTraces(BatchSpanProcessor(OTLPSpanExporter()), version)


@contextmanager
def failing(span: Span) -> Iterator[None]:
    """Records in one word why the span failed."""
    try:
        yield
    except Interruption as interruption:
        span.set_status(Status(StatusCode.ERROR, interruption.reason))
        raise
    except Exception as error:
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise


def whole_run(meta: Meta) -> SpanContext:
    """The span of a resource's whole run: the trace has the resource's uid as its id."""
    span_id = int.from_bytes(hashlib.sha256(meta.uid.encode()).digest()[:8], "big") or 1
    return SpanContext(UUID(meta.uid).int, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def about(meta: Meta) -> dict[str, str | int]:
    return {"k8s.namespace.name": meta.namespace, "nightsort.resource": meta.name, "nightsort.uid": meta.uid}


def nanoseconds(moment: datetime) -> int:
    """Nanoseconds since the epoch, as OpenTelemetry counts."""
    return int(moment.timestamp()) * 1_000_000_000
