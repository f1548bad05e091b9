"""The chart on a real control plane of its own: the life of a release, and exactly the rights that it needs."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from nightsort.cli.commands.create import scheduled
from tests.cluster.audit import Audit, granted
from tests.cluster.bench import NIGHTSORT, SimulatedApi, User, batch, condition, inline, start_operator
from tests.cluster.controlplane.plane import TOP, ControlPlane, program
from tests.cluster.helm import CRD_NAME, CRD_NAMES, HelmFailed, Release, columns, one, with_another_crd
from tests.support.manifests import manifest
from tests.support.processes import Server
from tests.support.tutorial import IN_A_CLUSTER, steps, with_examples
from tests.support.waiting import eventually

pytestmark = pytest.mark.cluster

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
NIGHT = {"enabled": True, "name": "tickets", "timeZone": "Europe/Berlin", "spec": manifest()["spec"]}
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return Audit(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, audit: Audit) -> Iterator[ControlPlane]:
    """A control plane that knows nothing of Nightsort and writes down what service accounts ask."""
    with ControlPlane(tmp_path_factory.mktemp("bare"), api_server_flags=audit.flags()) as plane:
        yield plane


@pytest.fixture(scope="module", autouse=True)
def every_minute(bare: ControlPlane) -> str:
    """A CronJob that the last test asks about; it begins first, since a minute is long."""
    command = ("--image=none", "--schedule=* * * * *", "-n", "default")
    bare.kubectl("create", "cronjob", "every-minute", *command)
    return "every-minute"


@contextmanager
def left_clean(plane: ControlPlane, *namespaces: str) -> Iterator[None]:
    """Neither the CRD nor these namespaces are there before or after, also where a test before was cut short.

    The resources go first: one whose run has not ended keeps its finalizer, and no operator is there to take it away.
    """
    remove(plane, *namespaces)
    try:
        yield
    finally:
        remove(plane, *namespaces)


def remove(plane: ControlPlane, *namespaces: str) -> None:
    if "NotFound" not in plane.kubectl("get", "crd", CRD_NAME, check=False):
        for resource in json.loads(plane.kubectl("get", "cb", "-A", "-o", "json"))["items"]:
            metadata = resource["metadata"]
            where = ("-n", metadata["namespace"], metadata["name"])
            plane.kubectl("patch", "cb", *where, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    plane.delete_crds(*CRD_NAMES)
    if namespaces:
        plane.kubectl("delete", "namespace", *namespaces, "--ignore-not-found", "--timeout=60s")


@pytest.fixture
def release(bare: ControlPlane) -> Iterator[Release]:
    """A namespace that admits restricted pods only, for a release that the test installs; nothing is left of it."""
    namespace = f"release-{next(numbers)}"
    release = Release(bare, namespace)
    with left_clean(bare):
        bare.kubectl("create", "namespace", namespace)
        bare.kubectl("label", "namespace", namespace, RESTRICTED)
        yield release
        if "nightsort" in release.helm("list", "--short"):
            release.helm("uninstall", "nightsort")


def established(plane: ControlPlane) -> None:
    plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{CRD_NAME}")


def test_a_release_installs_the_crd_and_a_pod_that_the_restricted_level_admits(release: Release) -> None:
    notes = release.install(apiKey={"existingSecret": "anthropic"})

    assert "kubectl get cb -w" in notes
    established(release.plane)
    user = User(release.plane, release.namespace)
    [pod] = eventually(lambda: json.loads(user.kubectl("get", "pods", "-o", "json"))["items"])
    assert pod["spec"]["serviceAccountName"] == "nightsort"
    [container] = pod["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_an_upgrade_changes_the_crd_a_rollback_brings_it_back_and_an_uninstall_leaves_it(
    release: Release, tmp_path: Path
) -> None:
    release.install()
    established(release.plane)
    user = User(release.plane, release.namespace)
    user.apply(manifest())

    release.upgrade(chart=with_another_crd(tmp_path))
    assert "Shards" in columns(release.plane)
    release.helm("rollback", "nightsort", "1")
    assert "Shards" not in columns(release.plane)
    release.helm("uninstall", "nightsort")

    assert "tickets" in user.kubectl("get", "cb", "-o", "name")
    assert "NotFound" in user.kubectl("get", "deployment", "nightsort", check=False)
    release.install()
    assert "tickets" in user.kubectl("get", "cb", "-o", "name")


def commands(page: Path, block: str = "console") -> list[str]:
    """The commands in a page's console blocks."""
    blocks = re.findall(rf"```{block}\n(.*?)```", page.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class CommandFailed(Exception):
    """A page's command ended with an error; the message is what it printed."""


def said_to(plane: ControlPlane, command: str) -> str:
    """What a page's command prints.

    Raises:
        CommandFailed: it failed.
    """
    path = f"{program('helm').parent}:{program('kubectl').parent}:{os.environ['PATH']}"
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "PATH": path}
    ended = subprocess.run(command, shell=True, cwd=TOP, env=environment, text=True, capture_output=True, check=False)
    if ended.returncode != 0:
        raise CommandFailed(f"{command}: {ended.stderr}")
    return ended.stdout


def test_a_new_user_gets_from_helm_install_to_results_as_the_page_says(
    bare: ControlPlane, api: SimulatedApi, tmp_path: Path
) -> None:
    """The page's commands; in place of its pod the operator runs as a process with the pod's variables and token."""
    release = Release(bare, "nightsort")
    said = {}
    with left_clean(bare, "nightsort"), ExitStack() as running:
        for command in commands(TOP / "docs" / "install.md"):
            said[command] = said_to(bare, command)
            if command.startswith("helm install"):
                established(bare)
                running.enter_context(operator_of(release, api, tmp_path / "operator.log"))

    [rows] = [text for command, text in said.items() if "quickstart-results" in command]
    assert {json.loads(line)["category"] for line in rows.splitlines()} >= {"billing", "technical"}
    assert "quickstart" in said["kubectl get cb"]


def test_the_tutorial_goes_on_in_a_cluster_to_the_report_of_a_night(
    bare: ControlPlane, api: SimulatedApi, postgres_database: str, tmp_path: Path
) -> None:
    """Its commands; operator and Job run as processes, with the variables and tokens of their pods."""
    release = Release(bare, "nightsort")
    place = with_examples(tmp_path) / "support"
    shutil.copytree(TOP / "charts", tmp_path / "charts")
    place.mkdir()
    for name in ("tickets.csv", "categories.yaml"):
        shutil.copy(tmp_path / "examples" / name, place)
    (tmp_path / "kubeconfig").write_text(bare.kubeconfig.read_text())
    filled(postgres_database, place / "tickets.csv")
    path = [Path(sys.executable).parent, program("helm").parent, program("kubectl").parent, os.environ["PATH"]]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join(map(str, path)),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "DATABASE_URL": postgres_database,
        "ANTHROPIC_API_KEY": "tutorial",
    }
    with left_clean(bare, "nightsort", "support"), ExitStack() as running:
        for step in steps(IN_A_CLUSTER):
            step.run(place, environment)
            if step.command.startswith("helm install"):
                running.callback(release.helm, "uninstall", "nightsort")
                established(bare)
                log = tmp_path / "operator.log"
                running.enter_context(operator_of(release, api, log, NIGHTSORT_DATABASE_HOSTS="*,127.0.0.1,localhost"))
            if step.command.startswith("kubectl create job"):
                night = one(release.manifest(), "CronJob", "nightsort-nightly")["spec"]
                assert night["suspend"] is False
                [container] = night["jobTemplate"]["spec"]["template"]["spec"]["containers"]
                create(release, "nightsort-nightly", container, tmp_path, namespace="support")

    page = (place / "night.html").read_text()
    assert "The rows are in table tickets, and are not read: " in page
    assert ">100</td>" in page
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT count(*) FROM tickets WHERE category IS NULL").fetchone() == (0,)


def filled(url: str, tickets: Path) -> None:
    """The table that the tutorial speaks of, with the tickets of a file."""
    with tickets.open(newline="") as file:
        rows = [(row["Ticket ID"], row["Description"]) for row in csv.DictReader(file)]
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE tickets (id text PRIMARY KEY, subject text, body text, category text, verdict text)"
        )
        connection.cursor().executemany("INSERT INTO tickets (id, subject, body) VALUES (%s, '', %s)", rows)


@pytest.fixture
def teams(bare: ControlPlane) -> Iterator[str]:
    """The namespaces of three teams, and that of the releases; no CRD is there before, and none after."""
    namespaces = ("nightsort", "team-a", "team-b", "team-c")
    with left_clean(bare, *namespaces):
        for each in namespaces:
            bare.kubectl("create", "namespace", each)
        yield "nightsort"


def owner(plane: ControlPlane) -> str:
    """The release that the CRD belongs to."""
    metadata = json.loads(plane.kubectl("get", "crd", CRD_NAME, "-o", "json"))["metadata"]
    return str(metadata["annotations"]["meta.helm.sh/release-name"])


def test_several_releases_share_the_crd_and_hand_it_on_as_the_page_says(bare: ControlPlane, teams: str) -> None:
    first, second, farewell, handed_on = commands(TOP / "docs" / "scaling.md")

    said_to(bare, first)
    with pytest.raises(CommandFailed, match="cannot be imported into the current release"):
        said_to(bare, second.replace(" --set crds.install=false", ""))
    said_to(bare, second)

    pods = json.loads(bare.kubectl("get", "deployments", "-n", teams, "-o", "json"))["items"]
    variables = [{each["name"]: each["value"] for each in pod["spec"]["template"]["spec"]["containers"][0]["env"]}
                 for pod in pods]  # fmt: skip
    assert {each["NIGHTSORT_NAMESPACES"]: each["NIGHTSORT_LEASE"] for each in variables} == {
        "team-a,team-b": "nightsort/first-nightsort",
        "team-c": "nightsort/second-nightsort",
    }
    assert owner(bare) == "first"
    said_to(bare, farewell)
    said_to(bare, handed_on)
    assert owner(bare) == "second"


def test_after_an_uninstall_a_release_of_another_name_takes_the_crd_over_as_the_page_says(
    bare: ControlPlane, teams: str
) -> None:
    [again] = [each for each in commands(TOP / "docs" / "install.md", "sh") if "--take-ownership" in each]
    before = Release(bare, teams)
    before.install()
    before.helm("uninstall", "nightsort")
    with pytest.raises(CommandFailed, match="cannot be imported into the current release"):
        said_to(bare, again.replace(" --take-ownership", ""))

    said_to(bare, again)

    assert owner(bare) == "tickets"


def test_without_crds_the_release_leaves_the_crd_to_others(release: Release) -> None:
    release.install(crds={"install": False})

    assert "NotFound" in release.plane.kubectl("get", "crd", CRD_NAME, check=False)


def test_a_crd_that_was_applied_by_hand_is_taken_over_only_when_asked(release: Release) -> None:
    release.plane.apply_crds(TOP / "crds")
    with pytest.raises(HelmFailed, match="cannot be imported into the current release"):
        release.install()

    release.install("--take-ownership", "--force-conflicts")

    annotations = json.loads(release.plane.kubectl("get", "crd", CRD_NAME, "-o", "json"))["metadata"]["annotations"]
    assert annotations["helm.sh/resource-policy"] == "keep"


@contextmanager
def operator_of(release: Release, api: SimulatedApi, log: Path, **more: str) -> Iterator[Server]:
    """The operator as a process, with the variables, the key's file and the token that the release gives its pod."""
    [container] = one(release.manifest(), "Deployment")["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    key = log.with_name("api-key")
    key.write_text("chart")
    variables |= {
        "KUBECONFIG": str(release.plane.kubeconfig_of(release.namespace, "nightsort")),
        "NIGHTSORT_LIVENESS_PORT": "0",
        "NIGHTSORT_ANTHROPIC_API_KEY_FILE": str(key),
        **more,
    }
    with start_operator(release.plane, api.url, log, **variables) as server:
        yield server


def live(user: User) -> None:
    """Lives that use all that the operator can do: read, write, tell, wait, cancel, expire."""
    user.secret("anthropic", **{"api-key": "workspace"})
    user.kubectl(
        "create", "configmap", "tickets", "--from-literal=tickets.csv=id,subject,body\n1,Hi,Refund my invoice\n"
    )
    credentials = {"secretRef": {"name": "anthropic", "key": "api-key"}}
    user.apply(
        {
            "apiVersion": "nightsort.dev/v1alpha1",
            "kind": "CategorySet",
            "metadata": {"name": "desk"},
            "spec": {"categories": [{"name": "billing"}, {"name": "other"}]},
        },
        batch("from-text", inline("I was charged twice"), ttlSecondsAfterFinished=2),
        batch(
            "from-map",
            {"configMap": {"name": "tickets", "key": "tickets.csv"}},
            credentials=credentials,
            categorySetRef={"name": "desk"},
        ),
        batch("deleted", inline("The app crashes"), pollIntervalSeconds=600),
    )
    user.told("deleted", lambda status: bool(status.get("batches")))
    user.kubectl("delete", "cb", "deleted", "--timeout=30s")
    assert condition(user.finished("from-map")["status"], "Complete") == "True"
    assert len(user.rows("from-map-results")) == 1
    user.kubectl("wait", "--for=delete", "--timeout=60s", "cb/from-text")


@pytest.mark.parametrize("scope", ["cluster", "namespaces"])
def test_the_operator_uses_every_right_that_the_chart_grants_and_needs_no_other(
    release: Release, api: SimulatedApi, audit: Audit, tmp_path: Path, scope: str
) -> None:
    watched = [release.namespace] if scope == "namespaces" else []
    release.install(watchNamespaces=watched)
    established(release.plane)
    elsewhere = User(release.plane, "default")
    elsewhere.apply(batch("elsewhere", inline("Refund my invoice")))

    with operator_of(release, api, tmp_path / "operator.log"):
        live(User(release.plane, release.namespace))

    roles = [
        one(release.manifest(), "Role" if watched else "ClusterRole"),
        one(release.manifest(), "Role", "nightsort-lease"),
    ]
    assert audit.refused(release.namespace, "nightsort") == set()
    assert audit.used(release.namespace, "nightsort") == granted([rule for role in roles for rule in role["rules"]])
    assert ("status" in elsewhere.get("elsewhere")) == (scope == "cluster")


def create(
    release: Release, service_account: str, container: Any, folder: Path, namespace: str = "", **variables: str
) -> str:
    """Runs a container of the chart that creates a resource: its arguments, file and token, without a node."""
    namespace = namespace or release.namespace
    file = folder / "batch.yaml"
    file.write_text(User(release.plane, namespace).get(service_account, "configmap")["data"]["batch.yaml"])
    arguments = [each.replace("/etc/nightsort/batch.yaml", str(file)) for each in container["args"]]
    kubeconfig = release.plane.kubeconfig_of(namespace, service_account)
    ended = subprocess.run(
        [*NIGHTSORT, *arguments],
        env={**os.environ, "KUBECONFIG": str(kubeconfig), **variables},
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    return ended.stdout + ended.stderr


def test_the_night_creates_one_resource_however_often_it_is_tried(
    release: Release, audit: Audit, tmp_path: Path
) -> None:
    release.install(nightly=NIGHT)
    established(release.plane)
    job = one(release.manifest(), "CronJob", "nightsort-nightly")["spec"]["jobTemplate"]["spec"]
    [container] = job["template"]["spec"]["containers"]
    evening = datetime.now(UTC).replace(hour=20, minute=0)  # the same date in Berlin
    job_name = {"NIGHTSORT_JOB_NAME": f"nightsort-nightly-{int(evening.timestamp()) // 60}"}

    said = [create(release, "nightsort-nightly", container, tmp_path, **job_name) for _ in range(2)]

    assert said == [
        f"classificationbatch.nightsort.dev/tickets-{evening:%Y-%m-%d} created\n",
        f"classificationbatch.nightsort.dev/tickets-{evening:%Y-%m-%d} is already there\n",
    ]
    role = one(release.manifest(), "Role", "nightsort-nightly")
    assert audit.refused(release.namespace, "nightsort-nightly") == set()
    assert audit.used(release.namespace, "nightsort-nightly") == granted(role["rules"])


def test_the_pod_of_the_night_is_admitted_at_the_restricted_level(release: Release) -> None:
    release.install(nightly=NIGHT)
    user = User(release.plane, release.namespace)

    user.kubectl("create", "job", "by-hand", "--from=cronjob/nightsort-nightly")

    found = eventually(lambda: json.loads(user.kubectl("get", "pods", "-l", "job-name=by-hand", "-o", "json"))["items"])
    assert found[0]["spec"]["serviceAccountName"] == "nightsort-nightly"


def test_the_release_tests_itself_by_a_dry_run(release: Release, tmp_path: Path) -> None:
    release.install()
    established(release.plane)
    hooks = [each for each in yaml.safe_load_all(release.helm("get", "hooks", "nightsort")) if each]
    release.plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(hooks))
    pod = one(hooks, "Pod", "nightsort-test")

    said = create(release, "nightsort-test", pod["spec"]["containers"][0], tmp_path)

    assert said.startswith("classificationbatch.nightsort.dev/helm-test-")
    assert said.splitlines()[0].endswith(" created (dry run)")
    assert said.splitlines()[1].startswith("price: not known here")
    assert User(release.plane, release.namespace).kubectl("get", "cb", "-o", "name") == ""


def test_a_cron_job_names_its_jobs_by_the_minute_of_the_schedule(bare: ControlPlane, every_minute: str) -> None:
    def jobs() -> list[Any]:
        found = json.loads(bare.kubectl("get", "jobs", "-n", "default", "-o", "json"))["items"]
        return [job for job in found if job["metadata"]["name"].startswith(f"{every_minute}-")]

    job = eventually(jobs, seconds=75)[0]["metadata"]

    told = job["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
    assert scheduled(job["name"], "UTC") == datetime.fromisoformat(told)


def test_the_plain_manifests_install_the_same_without_helm(bare: ControlPlane) -> None:
    with left_clean(bare, "nightsort"):
        bare.kubectl("apply", "--server-side", "-k", str(TOP / "deploy"))

        established(bare)
        user = User(bare, "nightsort")
        [pod] = eventually(lambda: json.loads(user.kubectl("get", "pods", "-o", "json"))["items"])
        assert pod["spec"]["serviceAccountName"] == "nightsort"
        assert "elm" not in (TOP / "deploy" / "operator.yaml").read_text().split("\n", 1)[1]
    bare.kubectl("delete", "-k", str(TOP / "deploy"), "--ignore-not-found")
