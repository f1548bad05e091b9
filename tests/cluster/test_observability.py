"""Metrics, alerts, dashboard and log, as a real Prometheus and its tools see them during a real run."""

from __future__ import annotations

import gzip
import json
import math
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.cluster.bench import SimulatedApi, User, batch, inline, start_operator
from tests.cluster.helm import CHART, one, render
from tests.support.parts import need
from tests.support.processes import Server, free_ports
from tests.support.waiting import eventually

pytestmark = pytest.mark.cluster

SECRET_WORDS = "PRIVATE-4111"
ALERTS_TESTS = [Path(__file__).with_name(f"{name}_test.yaml") for name in ("alerts", "alerts_over_weeks")]
DASHBOARD = json.loads((CHART / "files" / "dashboard.json").read_text())
QUERIES = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
VARIABLES = {"$__rate_interval": "20s", "$__range": "10m", "$namespace": ".*", "$model": ".*"}


def promtool(*arguments: str, folder: Path, stdin: bytes = b"") -> str:
    """What promtool prints; the test fails when it finds anything."""
    ended = subprocess.run([need("promtool"), *arguments], cwd=folder, input=stdin, capture_output=True, check=False)
    told = (ended.stdout + ended.stderr).decode()
    assert ended.returncode == 0, told
    return told


def test_the_alerts_tell_of_what_they_are_for_and_of_nothing_else(tmp_path: Path) -> None:
    rule = one(render({"metrics": {"rules": {"enabled": True}}}), "PrometheusRule")
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(rule["spec"]))

    assert "12 rules found" in promtool("check", "rules", "alerts.yaml", folder=tmp_path)
    for tests in ALERTS_TESTS:
        shutil.copy(tests, tmp_path)
        assert "SUCCESS" in promtool("test", "rules", tests.name, folder=tmp_path)


def test_thresholds_and_labels_of_alerts_are_values() -> None:
    values = {"spendUSD": 12.5, "batchHours": 20, "alertLabels": {"team": "support"}}
    rule = one(render({"metrics": {"rules": {"enabled": True, **values}}}), "PrometheusRule")
    [group] = rule["spec"]["groups"]
    told = {each["alert"]: each["expr"] for each in group["rules"]}

    assert told["NightsortSpend"].endswith("> 12.5")
    assert told["NightsortBatchNearItsEnd"].endswith("> 20 * 3600")
    assert all(each["labels"]["team"] == "support" for each in group["rules"])


@dataclass(frozen=True)
class Watched:
    """An operator with a Prometheus that scrapes it every second."""

    operator: Server
    metrics_url: str
    prometheus_url: str

    def page(self) -> bytes:
        with urllib.request.urlopen(self.metrics_url, timeout=5) as answer:
            return bytes(answer.read())

    def ask(self, query: str) -> list[float]:
        """The values that Prometheus has for the query now; fails when it does not understand it."""
        url = f"{self.prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            told = json.loads(answer.read())
        assert told["status"] == "success", told
        return [float(series["value"][1]) for series in told["data"]["result"]]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def held_api(tmp_path: Path) -> Iterator[SimulatedApi]:
    """Batches that end when the test says so, and not before Prometheus has seen them run."""
    with SimulatedApi(tmp_path, seconds=600) as api:
        yield api


@pytest.fixture
def watched(isolated_user: User, held_api: SimulatedApi, tmp_path: Path) -> Iterator[Watched]:
    program = need("prometheus")
    port, prometheus_port = free_ports(2)
    flags = ("--namespace", isolated_user.namespace, "--liveness-port", str(port))
    scrape = {"job_name": "nightsort", "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        program,
        "--config.file=prometheus.yml",
        f"--storage.tsdb.path={tmp_path / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{prometheus_port}",
    ]
    url = f"http://127.0.0.1:{prometheus_port}"
    with (
        start_operator(
            isolated_user.plane,
            held_api.url,
            tmp_path / "operator.log",
            *flags,
            NIGHTSORT_ANTHROPIC_API_KEY="watched",
            NIGHTSORT_LOG_FORMAT="json",
        ) as operator,
        Server.start(command, tmp_path / "prometheus.log") as prometheus,
    ):
        prometheus.wait_until(lambda: answers(f"{url}/-/ready"))
        yield Watched(operator, f"http://127.0.0.1:{port}/metrics", url)


def a_night(user: User, api: SimulatedApi, watched: Watched) -> None:
    """Two runs that end once Prometheus has seen them run, one that stalls, and a list call that fails."""
    api.ask("faults", [{"kind": "status", "operation": "list", "status": 529, "times": 1}])
    missing = {"credentials": {"secretRef": {"name": "missing", "key": "api-key"}}}
    names = ("first", "second")
    user.apply(*(batch(name, inline(*[f"{SECRET_WORDS} charged twice"] * 20)) for name in names))
    user.apply(batch("stuck", inline("help"), **missing))
    # As in a real night: between a run's begin and its end, which takes minutes at least, lie many scrapes.
    eventually(lambda: watched.ask('nightsort_batches{state="Submitted"}') == [2.0])
    eventually(lambda: watched.ask("sum(nightsort_tickets_total)") == [0.0])
    api.ask("end", {})
    for name in names:
        user.finished(name)


def test_every_query_of_the_dashboard_has_an_answer_during_a_real_run(
    watched: Watched, isolated_user: User, held_api: SimulatedApi, tmp_path: Path
) -> None:
    eventually(lambda: watched.ask("nightsort_leader"))
    a_night(isolated_user, held_api, watched)
    eventually(lambda: watched.ask("sum(nightsort_tickets_total)") == [40.0])
    eventually(lambda: watched.ask("nightsort_stalled_resources") == [1.0])

    empty = {}
    for title, query in QUERIES:
        for name, value in VARIABLES.items():
            query = query.replace(name, value)
        values = watched.ask(query)
        if not values or all(map(math.isnan, values)):
            empty[title] = query
    assert empty == {}

    assert watched.ask("sum(increase(nightsort_tickets_total[10m]))")[0] > 0, "the first rise is seen as one"
    assert watched.ask("nightsort_cost_usd_total") == watched.ask("nightsort_saved_usd_total")
    assert watched.ask('sum(nightsort_runs_ended_total{outcome="Complete"})') == [2.0]
    eventually(lambda: watched.ask('nightsort_resources{phase="Complete"}') == [2.0])  # counted at each look
    assert promtool("check", "metrics", folder=tmp_path, stdin=watched.page()) == ""


def test_the_log_is_json_and_names_resources_and_no_ticket_text(
    watched: Watched, isolated_user: User, held_api: SimulatedApi
) -> None:
    a_night(isolated_user, held_api, watched)

    text = watched.operator.log.read_text()
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]

    assert SECRET_WORDS not in text
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    about = {(line.get("resource"), bool(line.get("batch"))) for line in lines}
    assert (f"{isolated_user.namespace}/first", True) in about


def test_the_dashboard_comes_as_a_config_map_that_grafanas_sidecar_finds() -> None:
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(set(titles)) == len(titles)
    sources = [target["datasource"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    shown = one(render({"metrics": {"dashboard": {"enabled": True}}}), "ConfigMap", "nightsort-dashboard")
    assert json.loads(shown["data"]["nightsort.json"]) == DASHBOARD
    assert shown["metadata"]["labels"]["grafana_dashboard"] == "1"


class Collector:
    """Takes traces by OTLP over HTTP, as a collector of OpenTelemetry does."""

    def __init__(self) -> None:
        spans: list[Span] = []
        bodies: list[bytes] = []

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                bodies.append(body)
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    spans.extend(span for scope in resource.scope_spans for span in scope.spans)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None: ...

        self.spans, self.bodies = spans, bodies
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with closing(Collector()) as collector:
        yield collector


def test_a_run_can_be_followed_in_traces_that_hold_no_ticket_text(
    isolated_user: User, quick_api: SimulatedApi, collector: Collector, tmp_path: Path
) -> None:
    with start_operator(
        isolated_user.plane,
        quick_api.url,
        tmp_path / "operator.log",
        "--namespace",
        isolated_user.namespace,
        NIGHTSORT_ANTHROPIC_API_KEY="traced",
        NIGHTSORT_TRACES="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="100",
    ):
        isolated_user.apply(batch("traced", inline(f"{SECRET_WORDS} charged twice")))
        uid = isolated_user.finished("traced")["metadata"]["uid"]
        eventually(lambda: "run" in {span.name for span in collector.spans})

    assert {span.trace_id.hex() for span in collector.spans} == {uid.replace("-", "")}
    assert {"prepare", "submit", "collect", "batches create", "batches results"} <= {s.name for s in collector.spans}
    assert SECRET_WORDS.encode() not in b"".join(collector.bodies)


def test_an_operator_whose_traces_nobody_takes_works_and_ends_all_the_same(
    isolated_user: User, quick_api: SimulatedApi, tmp_path: Path
) -> None:
    [nobody] = free_ports(1)
    with start_operator(
        isolated_user.plane,
        quick_api.url,
        tmp_path / "operator.log",
        "--namespace",
        isolated_user.namespace,
        NIGHTSORT_ANTHROPIC_API_KEY="untraced",
        NIGHTSORT_TRACES="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{nobody}",
    ) as operator:
        isolated_user.apply(batch("untraced", inline("charged twice")))
        assert isolated_user.finished("untraced")["status"]["phase"] == "Complete"
        operator.process.terminate()
        assert operator.process.wait(30) == 0
