"""What the chart renders to, by the schemas of every Kubernetes that it is for."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from nightsort.domain.prices import Price
from nightsort.settings import Settings
from tests.cluster.charts import ALL_METRICS
from tests.cluster.controlplane.plane import TOP, ControlPlane
from tests.cluster.helm import CHART, CRD_NAME, HelmFailed, helm, one, render
from tests.support.manifests import manifest

pytestmark = pytest.mark.cluster

VERSIONS = [f"1.{minor}" for minor in range(30, 38)]
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
NIGHTLY = {"enabled": True, "spec": manifest()["spec"]}
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": {
        "apiKey": {"existingSecret": "anthropic"},
        "crds": {"annotations": {"example.com/team": "support"}},
        "commonLabels": {"team": "support"},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca"}],
        "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "image": {"digest": "sha256:" + "0" * 64},
        "metrics": ALL_METRICS,
        "imagePullSecrets": [{"name": "registry"}],
        "networkPolicy": {"enabled": True, "egressTo": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
        "nightly": NIGHTLY | {"labels": {"team": "support"}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "podAnnotations": {"example.com/checked": "true"},
        "podDisruptionBudget": {"enabled": True},
        "podLabels": {"example.com/tier": "batch"},
        "priorityClassName": "batch",
        "replicas": 2,
        "rbac": {"aggregate": True, "secretNames": ["anthropic", "tickets-db"]},
        "serviceAccount": {"annotations": {"example.com/identity": "nightsort"}},
        "settings": {"databaseHosts": ["*.db.example", "localhost"], "adoptionGraceSeconds": 900},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}]}]}}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    },
    "two namespaces": {"watchNamespaces": ["support", "sales"], "nightly": NIGHTLY | {"namespace": "sales"}},
    "as little as can be": {
        "crds": {"install": False},
        "rbac": {"create": False},
        "serviceAccount": {"create": False, "name": "mine"},
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_chart_is_linted_clean(case: str) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, values=CASES[case])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_every_document_fits_the_schemas_of_that_kubernetes(case: str, version: str) -> None:
    for document in render(CASES[case], "--kube-version", version):
        if document["kind"] == "CustomResourceDefinition":
            continue  # its schema refers to itself; the API server has the last word in test_chart.py
        if document["apiVersion"].startswith("monitoring.coreos.com/"):
            continue  # not Kubernetes' own; test_observability.py runs what is in them
        assert kubernetes_validate.validate(document, version, strict=True) == version


def test_an_older_kubernetes_is_refused() -> None:
    with pytest.raises(HelmFailed, match=r"incompatible with Kubernetes v1\.29"):
        render({}, "--kube-version", "1.29")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"nightlyy": {}}, "nightlyy"),
        ({"settings": {"databasehosts": ["*"]}}, "databasehosts"),
        ({"settings": {"databaseHosts": []}}, "/settings/databaseHosts"),
        ({"nightly": {"enabled": True}}, "missing properties 'model', 'source'"),
        ({"watchNamespaces": "support"}, "want array"),
        ({"watchNamespaces": ["support"], "nightly": NIGHTLY | {"namespace": "sales"}}, "sales is not among"),
        ({"liveness": {"port": 80}}, "/liveness/port"),
        ({"settings": {"createTimeoutSeconds": 0}}, "/settings/createTimeoutSeconds"),
        ({"settings": {"prices": {"m": {"input": "1"}}}}, "/settings/prices/m"),
        ({"settings": {"traces": "jaeger"}}, "/settings/traces"),
        ({"metrics": {"rules": {"batchHours": 25}}}, "/metrics/rules/batchHours"),
        ({"metrics": {"podMonitor": {"interval": "often"}}}, "/metrics/podMonitor/interval"),
        ({"nightly": {"schedule": "nightly"}}, "/nightly/schedule"),
        ({"nightly": {"schedule": "0 0 22 * * *"}}, "/nightly/schedule"),
    ],
)
def test_values_that_cannot_work_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(HelmFailed, match=told):
        render(values)


@pytest.mark.parametrize(
    "schedule", ["@daily", "@hourly", "@weekly", "@midnight", "@every 12h", "* * * * *", "*/30 20-23,0-5 1 */2 mon-fri"]
)
def test_every_schedule_that_a_cron_job_takes_is_taken(plane: ControlPlane, schedule: str) -> None:
    cron_job = one(render({"nightly": NIGHTLY | {"schedule": schedule}}), "CronJob", "nightsort-nightly")
    cron_job["metadata"]["namespace"] = "default"

    plane.kubectl("create", "--dry-run=server", "-f", "-", input=yaml.safe_dump(cron_job))

    assert cron_job["spec"]["schedule"] == schedule


def test_the_crd_is_the_one_that_the_models_give_and_stays_on_uninstall() -> None:
    rendered = one(render(), "CustomResourceDefinition", CRD_NAME)

    assert (
        rendered["spec"]
        == yaml.safe_load((TOP / "crds" / "nightsort.dev_classificationbatches.yaml").read_text())["spec"]
    )
    assert rendered["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_with_namespaces_there_are_roles_in_those_and_for_the_lease_and_nothing_cluster_wide() -> None:
    kinds = [
        (each["kind"], each["metadata"].get("namespace"))
        for each in render({"watchNamespaces": ["a", "b"]}, "--skip-tests")
    ]

    assert {kind for kind in kinds if kind[0].startswith(("Role", "Cluster"))} == {
        ("Role", "a"), ("RoleBinding", "a"), ("Role", "b"), ("RoleBinding", "b"),
        ("Role", "nightsort"), ("RoleBinding", "nightsort"),
    }  # fmt: skip


# For each value what the operator is to have for it; none of them is the default.
SETTINGS: dict[str, tuple[Any, Any]] = {
    "anthropicBaseUrl": ("https://gateway.example", "https://gateway.example"),
    "databaseHosts": (["*.db", "localhost"], ("*.db", "localhost")),
    "objectStoreBuckets": (["s3://support-*", "gs://support"], ("s3://support-*", "gs://support")),
    "objectStoreEndpoints": (["minio.svc:9000"], ("minio.svc:9000",)),
    "objectStoreAmbientCredentials": (True, True),
    "enqueuedRequests": (1_000_000, 1_000_000),
    "adoptionGraceSeconds": (900, 900.0),
    "createTimeoutSeconds": (12.5, 12.5),
    "farewellSeconds": (5, 5.0),
    "patienceSeconds": (60, 60.0),
    "logFormat": ("json", "json"),
    "prices": (
        {"claude-ours": {"input": "0.5", "output": 2, "cache_write": "0.625", "cache_read": "0.05"}},
        {"claude-ours": Price.of("0.5", "2", "0.625", "0.05")},
    ),
    "traces": ("otlp", "otlp"),
}


def test_every_setting_reaches_the_operator_as_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SETTINGS.keys() == VALUES["settings"].keys()
    values = {
        "settings": {name: given for name, (given, _) in SETTINGS.items()},
        "watchNamespaces": ["a", "b"],
        "liveness": {"port": 9090},
    }
    [container] = one(render(values), "Deployment")["spec"]["template"]["spec"]["containers"]
    for each in container["env"]:
        monkeypatch.setenv(each["name"], each["value"])
    settings = Settings()

    assert (settings.namespaces, settings.liveness_port, settings.lease) == (("a", "b"), 9090, "nightsort/nightsort")
    for name, (_, expected) in SETTINGS.items():
        field = re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name)
        assert getattr(settings, field) == expected, name
        assert expected != Settings.model_fields[field].get_default(call_default_factory=True), name


def test_what_is_not_set_is_left_to_the_operator() -> None:
    [container] = one(render(), "Deployment")["spec"]["template"]["spec"]["containers"]

    assert {each["name"]: each["value"] for each in container["env"]} == {
        "NIGHTSORT_LIVENESS_PORT": "8080",
        "NIGHTSORT_LEASE": "nightsort/nightsort",
    }


def test_nothing_of_the_metrics_is_made_until_it_is_switched_on() -> None:
    kinds = {each["kind"] for each in render({}, "--skip-tests")}

    assert not kinds & {"Service", "ServiceMonitor", "PodMonitor", "PrometheusRule", "ConfigMap"}


def test_a_monitor_and_its_service_find_the_port_of_the_pod() -> None:
    documents = render({"metrics": ALL_METRICS})
    pod = one(documents, "Deployment")["spec"]["template"]
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    service = one(documents, "Service", "nightsort-metrics")

    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert service["spec"]["ports"][0]["targetPort"] in ports
    monitor = one(documents, "ServiceMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    monitor = one(documents, "PodMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert monitor["podMetricsEndpoints"][0]["port"] in ports


@pytest.mark.parametrize("reader", ["service", "serviceMonitor", "podMonitor"])
def test_the_network_lets_in_who_reads_metrics_and_nobody_else(reader: str) -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    policy = {"enabled": True, "metricsFrom": peers}
    closed = one(render({"networkPolicy": policy}), "NetworkPolicy")
    opened = one(render({"networkPolicy": policy, "metrics": {reader: {"enabled": True}}}), "NetworkPolicy")

    assert closed["spec"]["ingress"] == []
    assert opened["spec"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8080}], "from": peers}]


@pytest.mark.parametrize(
    ("tool", "path"), [("argocd", ("spec", "source", "helm", "valuesObject")), ("flux", ("spec", "values"))]
)
def test_the_values_of_the_gitops_examples_are_taken(tool: str, path: tuple[str, ...]) -> None:
    values = yaml.safe_load((TOP / "examples" / "gitops" / tool / "operator.yaml").read_text())
    for key in path:
        values = values[key]

    assert one(render(values), "Deployment")
