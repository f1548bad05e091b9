"""`kubectl nightsort`: every command through the real kubectl, which finds the plugin on the PATH."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.cluster.bench import SimulatedApi, User, batch, condition, inline, reason
from tests.cluster.controlplane.plane import program
from tests.cluster.proxy import network
from tests.support.outcome import Outcome
from tests.support.processes import Server
from tests.support.waiting import eventually

pytestmark = pytest.mark.cluster

numbers = itertools.count()
SCRIPTS = Path(sys.executable).parent
HOSTILE = "T-3\x1b[2J\u202e"
TICKETS = f"""\
id,subject,body
T-1,Help,I was charged twice on my invoice
=1+1,Crash,The app crashes with an error
{HOSTILE},Refund,please refund my invoice
"""
MODEL = ("--model", "claude-haiku-4-5")
UNPASSING = {"kind": "items", "outcome": "errored", "error_type": "invalid_request_error"}


@dataclass(frozen=True)
class Shell:
    """A person's shell: a kubeconfig whose context names a namespace, and a PATH with kubectl and the plugin."""

    user: User
    folder: Path
    started: list[Server] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(program("kubectl").parent), str(SCRIPTS), os.environ["PATH"]])
        return {**os.environ, "KUBECONFIG": str(self.folder / "config"), "PATH": path, "HOME": str(self.folder)}

    def kubeconfig(self, server: str | None = None, source: Path | None = None) -> None:
        config = yaml.safe_load((source or self.user.plane.kubeconfig).read_text())
        config["contexts"][0]["context"]["namespace"] = self.user.namespace
        config["clusters"][0]["cluster"]["server"] = server or config["clusters"][0]["cluster"]["server"]
        (self.folder / "config").write_text(yaml.safe_dump(config))

    def run(self, *arguments: str, **environment: str) -> Outcome:
        ended = subprocess.run(
            [program("kubectl"), *arguments],
            env=self.environment | environment, cwd=self.folder, text=True, capture_output=True, check=False,
        )  # fmt: skip
        return Outcome(ended.returncode, ended.stdout, ended.stderr)

    def nightsort(self, *arguments: str, **environment: str) -> Outcome:
        ended = self.run("nightsort", *arguments, **environment)
        assert "Traceback" not in ended.told, ended.told
        return ended

    def start(self, *arguments: str) -> Server:
        """A command as a process of its own, both outputs in its log."""
        command = [str(program("kubectl")), "nightsort", *arguments]
        self.started.append(Server.start(command, self.folder / "nightsort.log", env=self.environment))
        return self.started[-1]

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    def offered(self, *arguments: str) -> list[str]:
        """What kubectl offers at the last argument, the directive last."""
        return [line.partition("\t")[0] for line in self.run("__complete", "nightsort", *arguments).out.splitlines()]


@pytest.fixture
def shell(user: User, tmp_path: Path) -> Iterator[Shell]:
    made = Shell(user, tmp_path)
    made.kubeconfig()
    yield made
    for process in made.started:
        process.stop()


@pytest.fixture
def faults(api: SimulatedApi) -> Iterator[SimulatedApi]:
    """The simulated API, whose faults end with the test."""
    yield api
    urllib.request.urlopen(urllib.request.Request(f"{api.url}/_simulator/faults", method="DELETE")).close()


# --- create, watch, results -------------------------------------------------------------------------------------------


def test_kubectl_finds_the_plugin(shell: Shell) -> None:
    assert str(SCRIPTS / "kubectl-nightsort") in shell.run("plugin", "list").out
    assert "Usage: kubectl nightsort [OPTIONS]" in shell.nightsort("--help").out


def test_a_file_of_tickets_is_created_watched_and_read_back(shell: Shell) -> None:
    shell.write("tickets.csv", TICKETS)

    made = shell.nightsort("create", "--from", "tickets.csv", *MODEL, "--max-cost", "1.00")
    watched = shell.nightsort("watch", "tickets")

    assert made.out == "classificationbatch.nightsort.dev/tickets created\n"
    assert watched.code == 0, watched.told
    assert "tickets  Complete: 3 tickets: 3 labeled" in watched.out
    assert "rows are in ConfigMap tickets-results" in watched.out
    assert "cost $" in watched.out
    table = shell.nightsort("results", "cb/tickets")
    assert table.out.splitlines()[0].split() == ["ID", "CATEGORY", "VERDICT", "REASON"]
    assert "T-3\\x1b[2J\\u202e" in table.out
    assert "\x1b" not in table.out
    rows = [json.loads(line) for line in shell.nightsort("results", "tickets", "-o", "jsonl").out.splitlines()]
    cells = list(csv.DictReader(io.StringIO(shell.nightsort("results", "tickets", "-o", "csv").out)))
    assert {row["id"] for row in rows} == {row["id"] for row in cells} == {"T-1", "=1+1", HOSTILE}
    assert {row["verdict"] for row in rows} == {"Labeled"}
    assert shell.nightsort("results", "tickets", "--verdict", "expired").err == "no such rows\n"


def test_the_tickets_go_when_their_resource_goes(shell: Shell) -> None:
    shell.write("few.jsonl", '{"id": "1", "text": "refund my invoice"}\n')
    shell.nightsort("create", "--from", "few.jsonl", *MODEL, "--template", "$text", "--name", "a")
    assert shell.nightsort("watch", "a").code == 0

    shell.run("delete", "cb", "a", "--timeout=20s")

    shell.user.kubectl("wait", "--for=delete", "--timeout=60s", "configmap/a-tickets")


def test_create_is_repeatable_and_completes_what_an_interrupted_one_has_left(shell: Shell) -> None:
    shell.write("few.csv", "id,subject,body\n1,a,refund my invoice\n")
    create = ("create", "--from", "few.csv", *MODEL)
    manifest = list(yaml.safe_load_all(shell.nightsort(*create, "--dry-run=client", "-o", "yaml").out))[1]
    shell.user.apply(manifest)
    shell.user.told("few", lambda status: reason(status) == "SourceMissing")

    assert shell.nightsort(*create).out == "classificationbatch.nightsort.dev/few is already there\n"

    assert shell.nightsort("watch", "few").code == 0
    assert shell.nightsort(*create).code == 0


def test_a_dry_run_on_the_server_shows_the_price_and_makes_nothing(shell: Shell, api: SimulatedApi) -> None:
    shell.write("few.csv", "id,subject,body\n1,a,refund my invoice\n2,b,where is my order\n")
    create = ("create", "--from", "few.csv", *MODEL, "--dry-run=server")
    unknown = shell.nightsort(*create, ANTHROPIC_API_KEY="", NIGHTSORT_ANTHROPIC_API_KEY="")

    known = shell.nightsort(*create, ANTHROPIC_API_KEY="sk-ant-test", NIGHTSORT_ANTHROPIC_BASE_URL=api.url)

    assert unknown.out == known.out == "classificationbatch.nightsort.dev/few created (dry run)\n"
    assert unknown.err.startswith("price: not known here: with ANTHROPIC_API_KEY in the environment")
    assert "tickets to ask about: 2\n" in known.err
    assert "\nprice as a batch: $0." in known.err
    assert "\nstandard price: $0." in known.err
    assert shell.run("get", "cb,configmaps", "-o", "name").out.count("few") == 0


def test_a_name_that_another_file_or_other_categories_have_is_named(shell: Shell) -> None:
    shell.write("few.csv", "id,subject,body\n1,a,refund my invoice\n")
    create = ("create", "--from", "few.csv", *MODEL, "--max-cost", "1.00")
    assert shell.nightsort(*create).code == 0

    assert shell.nightsort(*create[:-1], "2.00").out == "classificationbatch.nightsort.dev/few is already there\n"
    for dry in ((), ("--dry-run=server",)):
        other = shell.nightsort(*create, "--categories", "billing,other", "--template", "$body", *dry)
        assert (other.code, other.out) == (2, "")
        assert other.err.startswith(
            "few is there already, with another spec (categories, prompt), and nothing was made"
        )

    shell.write("few.csv", "id,subject,body\n2,a,where is my order\n")
    another = shell.nightsort(*create)
    assert another.code == 2
    assert another.err.startswith("few is there already, with other tickets, and nothing was made: give another --name")


def test_an_export_is_put_there_as_it_is_and_read_by_its_columns(shell: Shell) -> None:
    export = "Ticket ID;Created at;Betreff;Beschreibung\r\n17;today;Gebühr;refund my invoice\r\n".encode("cp1252")
    (shell.folder / "export.csv").write_bytes(export)

    made = shell.nightsort("create", "--from", "export.csv", *MODEL, "--template", "${Created at}: $subject $body")

    assert made.code == 0, made.told
    assert shell.nightsort("watch", "export").code == 0
    assert [
        row["id"] for row in map(json.loads, shell.nightsort("results", "export", "-o", "jsonl").out.splitlines())
    ] == ["17"]


def test_a_config_map_of_somebody_else_is_not_taken_for_the_tickets(shell: Shell) -> None:
    shell.write("few.csv", "id,subject,body\n1,a,b\n")
    shell.run("create", "configmap", "few-tickets")

    made = shell.nightsort("create", "--from", "few.csv", *MODEL)

    assert made.code == 2
    assert made.err == "ConfigMap few-tickets is there already: remove it, or give another --name\n"
    assert shell.run("get", "cb", "-o", "name").out == ""


def test_what_create_prints_for_git_can_be_applied_and_nothing_is_made_before(shell: Shell) -> None:
    shell.write("few.csv", "id,subject,body\n1,a,refund my invoice\n")
    printed = shell.nightsort("create", "--from", "few.csv", *MODEL, "--dry-run=client", "-o", "yaml")
    assert shell.run("get", "cb", "-o", "name").out == ""
    shell.write("few.yaml", printed.out)

    applied = shell.run("apply", "-f", "few.yaml")

    assert applied.out == "configmap/few-tickets created\nclassificationbatch.nightsort.dev/few created\n"
    assert shell.nightsort("watch", "few").code == 0


def test_watch_ends_with_the_outcome_of_the_run(shell: Shell) -> None:
    shell.user.apply(batch("model", inline("Hello"), model="claude-imaginary-1"))

    failed = shell.nightsort("watch", "model")

    assert failed.code == 1
    assert "model  Failed: spec.model: the API knows no model 'claude-imaginary-1'" in failed.err
    assert shell.nightsort("results", "model").err.startswith("model has no rows: Failed: spec.model: ")


def test_watch_ends_when_a_run_waits_for_a_person_if_that_is_asked_for(shell: Shell) -> None:
    keyless = {"credentials": {"secretRef": {"name": "missing", "key": "api-key"}}}
    shell.user.apply(batch("keyless", inline("Hello"), **keyless))

    stalled = shell.nightsort("watch", "keyless", "--exit-on-stall")

    assert stalled.code == 3
    assert stalled.err.endswith(f"stalled until somebody acts: {shell.user.namespace}/keyless\n")
    assert "keyless  Stalled: " in stalled.err
    told = shell.nightsort("status", "keyless").out
    assert "holds    Stalled (" in told
    assert " since " in told


def test_watch_gives_up_at_its_time_limit_and_tells_of_a_deletion(shell: Shell) -> None:
    shell.user.apply(batch("later", {"configMap": {"name": "later", "key": "tickets.csv"}}))
    limited = shell.nightsort("watch", "later", "--timeout", "1s")
    assert limited.code == 124
    assert limited.err.endswith(f"not finished in time: {shell.user.namespace}/later\n")
    watching = shell.start("watch", "later")
    eventually(lambda: "later  Pending: ConfigMap later does not exist" in watching.log.read_text())

    shell.run("delete", "cb", "later", "--wait=false")

    assert watching.process.wait(60) == 1
    assert "/later  was deleted" in watching.log.read_text()


def test_watch_without_a_name_follows_all_that_are_unfinished(shell: Shell) -> None:
    assert shell.nightsort("watch").err == f"no unfinished ClassificationBatch in namespace {shell.user.namespace}\n"
    for name in ("a", "b"):
        shell.user.apply(batch(name, {"configMap": {"name": "both", "key": "tickets.csv"}}, overlapPolicy="Allow"))
    watching = shell.start("watch", "--all-namespaces")
    here = shell.user.namespace
    eventually(lambda: all(f"{here}/{name}  Pending: " in watching.log.read_text() for name in "ab"))

    shell.run("create", "configmap", "both", "--from-literal=tickets.csv=id,subject,body\n1,Hi,Refund my invoice\n")

    assert watching.process.wait(90) == 0
    assert all(f"{here}/{name}  Complete: 1 ticket: 1 labeled" in watching.log.read_text() for name in "ab")


def test_watch_outlives_an_api_server_that_is_away(shell: Shell) -> None:
    with network(shell.user.plane.url) as between:
        shell.kubeconfig(server=between.url.replace("http://", "https://"))
        shell.user.apply(batch("later", {"configMap": {"name": "later", "key": "tickets.csv"}}))
        watching = shell.start("watch", "later")
        eventually(lambda: "later  Pending: ConfigMap later" in watching.log.read_text())

        between.down, between.share = True, 1.0

        def cut() -> bool:
            """What is said of the resource does not get through, and the connection ends sooner or later."""
            shell.user.kubectl("annotate", "cb", "later", "--overwrite", f"touched={next(numbers)}")
            return "does not answer" in watching.log.read_text()

        eventually(cut, seconds=60)
        between.down, between.share = False, 0.0
        shell.user.kubectl("create", "configmap", "later", "--from-literal=tickets.csv=id,subject,body\n1,a,refund\n")

        assert watching.process.wait(90) == 0, watching.tail()


def test_rows_in_a_table_are_read_with_a_persons_own_url_and_those_of_other_runs_are_not(
    shell: Shell, postgres_database: str
) -> None:
    shell.user.secret("db", url=postgres_database)
    secret = {"name": "db", "key": "url"}
    columns = {"verdict": "verdict", "batchId": "batch"}
    table = {"urlSecretRef": secret, "table": "labels", "mode": "Upsert", "columns": columns}
    for name, text in (("first", "Refund my invoice"), ("second", "The app crashes")):
        tickets = {"inline": {"tickets": [{"id": f"{name}-1", "body": text}]}}
        shell.user.apply(batch(name, tickets, results={"database": table}))
        assert shell.nightsort("watch", name).code == 0

    by_secret = shell.nightsort("results", "second", "-o", "jsonl")
    by_url = shell.nightsort("results", "second", "-o", "jsonl", "--url-env", "MINE", MINE=postgres_database)
    unset = shell.nightsort("results", "second", "--url-env", "MINE")
    page = shell.nightsort("report", "second")

    assert (by_secret.code, by_secret.err) == (0, "")
    assert [json.loads(line)["id"] for line in by_secret.out.splitlines()] == ["second-1"]
    assert by_url.out == by_secret.out
    assert (unset.code, unset.err) == (2, "--url-env: the environment has no variable MINE\n")
    assert (page.code, page.err) == (0, "")
    assert "are not read" not in (shell.folder / "second.report.html").read_text()


# --- doctor -----------------------------------------------------------------------------------------------------------


def test_doctor_looks_at_an_installation_and_a_run_and_shows_no_secret(
    shell: Shell, api: SimulatedApi, postgres_database: str
) -> None:
    shell.user.secret("db", url=postgres_database)
    shell.user.secret("anthropic", **{"api-key": "sk-secret"})
    source = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "query": "SELECT id, body FROM nowhere"}}
    credentials = {"secretRef": {"name": "anthropic", "key": "api-key"}}
    shell.user.apply(batch("night", source, credentials=credentials, suspend=True))
    shell.user.told("night", lambda status: status.get("phase"))

    ended = shell.nightsort("doctor", "night", "--json", "--api-url", api.url)

    checks = json.loads(ended.out)["checks"]
    results = {one["check"]: one["result"] for one in checks}
    told = {one["check"]: one["message"] for one in checks}
    assert results["CRD"] == results["cluster"] == results["you may"] == results["key"] == "ok", told
    assert told["key"].startswith(f"the key of Secret {shell.user.namespace}/anthropic is accepted")
    assert results["operator"] == "warning", "it has no Deployment here, and has looked at the run"
    assert results["source"] == "failed"
    assert "nowhere" in told["source"]
    assert ended.code == 1
    for secret in ("sk-secret", postgres_database.split("@")[0]):
        assert secret not in ended.told


def test_doctor_tells_a_person_what_they_may_not_do(shell: Shell) -> None:
    shell.run("create", "serviceaccount", "nobody")
    shell.kubeconfig(source=shell.user.plane.kubeconfig_of(shell.user.namespace, "nobody"))

    account = f"{shell.user.namespace}/nobody"
    ended = shell.nightsort("doctor", "--service-account", account, ANTHROPIC_API_KEY="")

    assert ended.code == 1
    assert "failed   you may not        list classificationbatches" in ended.out
    assert "you may not ask for the permissions of others" in ended.out
    assert "ok       CRD" in ended.out


# --- report -----------------------------------------------------------------------------------------------------------


def test_a_night_with_its_retry_and_the_night_before_becomes_a_page(shell: Shell, faults: SimulatedApi) -> None:
    shell.user.kubectl("create", "configmap", "inbox", f"--from-literal=tickets.csv={TICKETS}")
    for night in ("night-1", "night-2"):
        if night == "night-2":
            faults.ask("faults", [{**UNPASSING, "match": "invoice"}])
        shell.user.apply(batch(night, {"configMap": {"name": "inbox", "key": "tickets.csv"}}))
        assert shell.nightsort("watch", night).code == 0
    faults.ask("reset", {})
    failed = shell.nightsort("report", "night-2", "-o", "failed.html")
    assert shell.nightsort("retry", "night-2").code == 0
    assert shell.nightsort("watch", "night-2-retry").code == 0

    merged, alone = (shell.nightsort("results", "night-2", *flags) for flags in ((), ("--no-retries",)))
    assert merged.err == "merged with the rows of night-2-retry (Complete)\n"
    assert (merged.out.count("Errored"), alone.out.count("Errored"), alone.err) == (0, 2, "")
    told = shell.nightsort("status", "night-2").out
    for words in ("holds    Complete (", "rows     ConfigMap night-2-results", "retry    night-2-retry: Complete"):
        assert words in told
    made = shell.nightsort("report", "cb/night-2", "--with-text")

    assert (failed.code, made.code, made.err) == (0, 0, "")
    assert made.out == "night-2.report.html shows the results of night-2: 3 tickets\n"
    before, page = ((shell.folder / name).read_text() for name in ("failed.html", "night-2.report.html"))
    assert "(none: failed)" in before
    assert "(none: failed)" not in page
    assert "night-2 (1 retry)" in page
    assert "night-1" in page
    assert "before, it was $" in page
    assert "please refund my invoice" in page
    assert "please refund my invoice" not in before
    assert "T-3\\x1b[2J\\u202e" in page
    shell.write("tickets.csv", TICKETS)
    assert shell.nightsort("report", "night-2", "-o", "tickets.csv").code == 2
    assert shell.nightsort("report", "night-3").code == 2
    assert (shell.folder / "tickets.csv").read_text() == TICKETS


# --- cancel, suspend, retry -------------------------------------------------------------------------------------------


def test_a_run_that_has_bought_nothing_is_cancelled_and_buys_nothing(shell: Shell) -> None:
    shell.user.apply(batch("never", inline("Refund my invoice"), suspend=True))
    shell.user.told("never", lambda status: condition(status, "Suspended") == "True")

    ended = shell.nightsort("cancel", "never", "--wait", "--timeout", "60s")

    assert ended.code == 0, ended.told
    status = shell.user.get("never")["status"]
    assert (condition(status, "Failed"), reason(status)) == ("True", "Canceled")
    assert not status.get("batches")
    again = shell.nightsort("cancel", "never")
    assert again.out.endswith("/never is Failed already: there is nothing to cancel\n")


def test_a_cancelled_run_keeps_the_rows_it_has_and_its_retry_buys_the_others(
    shell: Shell, faults: SimulatedApi
) -> None:
    faults.ask("faults", [{"kind": "create-refused", "status": 529, "skip": 1, "times": None}])
    tickets = inline("I was charged twice on my invoice", "The app crashes with an error")
    shell.user.apply(batch("cut", tickets, shards={"maxRequests": 1}))
    shell.user.told("cut", lambda status: status.get("tickets", {}).get("labeled") == 1)

    assert shell.nightsort("cancel", "cut", "--wait", "--timeout", "60s").code == 0

    rows = shell.user.rows("cut-results")
    assert sorted((row["verdict"], row["category"]) for row in rows.values()) == [
        ("Canceled", None),
        ("Labeled", "billing"),
    ]
    faults.ask("reset", {})
    retried = shell.nightsort("retry", "cut")
    assert retried.out == "classificationbatch.nightsort.dev/cut-retry created\n"
    assert retried.err.startswith("1 ticket of 2 sent again (1 Canceled), for about $")
    assert shell.nightsort("watch", "cut-retry").code == 0
    assert set(shell.user.rows("cut-retry-results")) == {key for key, row in rows.items() if row["category"] is None}
    assert faults.ask("bill")["paid"] == 1
    spec = shell.user.get("cut-retry")["spec"]
    assert "activeDeadlineSeconds" not in spec


def test_a_retry_takes_only_the_failed_tickets_of_a_config_map(shell: Shell, faults: SimulatedApi) -> None:
    faults.ask("faults", [{**UNPASSING, "match": "invoice"}])
    shell.write("tickets.csv", TICKETS)
    shell.nightsort("create", "--from", "tickets.csv", *MODEL)
    assert shell.nightsort("watch", "tickets").code == 0

    shown = shell.nightsort("retry", "tickets", "--dry-run")
    retried = shell.nightsort("retry", "tickets")

    config_map, resource = yaml.safe_load_all(shown.out)
    assert resource["metadata"]["annotations"] == {"nightsort.dev/retry-of": "tickets"}
    [text] = config_map["data"].values()
    assert [row["id"] for row in csv.DictReader(io.StringIO(text))] == ["T-1", HOSTILE]
    assert retried.err.startswith("2 tickets of 3 sent again (2 Errored), for about $")
    assert shell.nightsort("watch", "tickets-retry").code == 0
    assert set(shell.user.rows("tickets-retry-results")) == {"T-1", HOSTILE}
    owner = shell.user.get("tickets-retry-tickets", "configmap")["metadata"]["ownerReferences"][0]
    assert owner["name"] == "tickets-retry"
    assert shell.nightsort("retry", "tickets").err.endswith("retry that one, or give another --name\n")
    assert "every ticket of tickets-retry has its category" in shell.nightsort("retry", "tickets-retry").err


def test_a_running_resource_is_not_retried(shell: Shell) -> None:
    shell.user.apply(batch("held", inline("Refund my invoice"), suspend=True))
    shell.user.told("held", lambda status: condition(status, "Suspended") == "True")

    refused = shell.nightsort("retry", "held")

    assert refused.code == 2
    assert refused.err.startswith("held is not finished (Suspended): ")
    assert shell.nightsort("resume", "held").out == "classificationbatch.nightsort.dev/held resumed\n"
    assert shell.nightsort("watch", "held").code == 0
    assert "is Complete already" in shell.nightsort("suspend", "held").out


# --- what is missing, forbidden or wrong ------------------------------------------------------------------------------


def test_what_is_not_there_is_told_in_one_sentence(shell: Shell) -> None:
    for command in ("watch", "results", "cancel"):
        missing = shell.nightsort(command, "nowhere")
        assert missing.code == 2
        assert missing.err == f"there is no ClassificationBatch nowhere in namespace {shell.user.namespace}\n"
    other = shell.nightsort("results", "nowhere", "-n", "default")
    assert other.err == "there is no ClassificationBatch nowhere in namespace default\n"
    assert "no cluster: " in shell.nightsort("watch", "--context", "elsewhere").err
    (shell.folder / "empty").touch()
    assert "empty is missing or empty" in shell.nightsort("watch", "--kubeconfig", "empty").err


def test_who_is_not_allowed_to_is_told(shell: Shell) -> None:
    shell.run("create", "serviceaccount", "nobody")
    shell.kubeconfig(source=shell.user.plane.kubeconfig_of(shell.user.namespace, "nobody"))

    nobody = f"system:serviceaccount:{shell.user.namespace}:nobody"
    for command in ("watch", "results"):
        refused = shell.nightsort(command, "tickets")
        assert refused.code == 2
        assert refused.err.endswith(f"{nobody} is not allowed to; a Role must allow it\n")


def test_an_address_without_an_api_server_is_told(shell: Shell) -> None:
    shell.kubeconfig(server="https://127.0.0.1:9")

    refused = shell.nightsort("watch", "tickets")

    assert refused.code == 1
    assert refused.err.count("\n") == 1
    assert "the Kubernetes API server does not answer" in refused.err


def test_a_reader_that_closes_early_sees_no_traceback(shell: Shell) -> None:
    shell.user.apply(batch("many", inline(*["Refund my invoice"] * 900)))
    assert shell.nightsort("watch", "many").code == 0
    command = f"{program('kubectl')} nightsort results many -o jsonl | head -1"

    cut = subprocess.run(command, shell=True, env=shell.environment, text=True, capture_output=True, check=True)

    assert json.loads(cut.stdout)["category"] == "billing"
    assert cut.stderr == ""


# --- completion -------------------------------------------------------------------------------------------------------


def test_kubectl_completes_commands_names_namespaces_and_flags(shell: Shell) -> None:
    shell.user.apply(batch("waits", inline("a"), suspend=True), batch("done", inline("Refund my invoice")))
    shell.user.finished("done")

    assert {"watch", "results", "cancel", "retry", "create", ":4"} <= set(shell.offered(""))
    assert shell.offered("watch", "") == ["done", "waits", ":4"]
    assert shell.offered("cancel", "") == ["waits", ":4"]
    assert shell.offered("retry", "d") == ["done", ":4"]
    assert shell.offered("results", "done", "--output", "") == ["table", "jsonl", "csv", ":4"]
    assert shell.user.namespace in shell.offered("watch", "-n", "")
    assert shell.offered("watch", "--context", "") == ["test", ":4"]
    assert "--timeout" in shell.offered("watch", "--t")
    assert shell.offered("watch", "-n", "default", "") == [":0"]
    assert shell.offered("create", "--from", "") == [":0"]


def test_bash_completes_nightsort_itself(shell: Shell) -> None:
    shell.user.apply(batch("waits", inline("a"), suspend=True))
    script = (
        'eval "$(nightsort completion bash)"; COMP_WORDS=(nightsort watch ""); COMP_CWORD=2; '
        '_nightsort_completion nightsort "" watch; echo "${COMPREPLY[@]}"'
    )

    ended = subprocess.run(
        ["bash", "--norc", "-c", script], env=shell.environment, text=True, capture_output=True, check=False
    )

    assert ended.stdout == "waits\n", ended.stderr


def test_an_estimate_of_a_manifest_and_of_a_resource_buys_nothing_and_leaves_nothing(
    shell: Shell, api: SimulatedApi
) -> None:
    manifest = shell.write("night.yaml", yaml.safe_dump(batch("night", inline(*["charged twice"] * 3))))
    before = api.ask("bill")["created"]

    told = shell.nightsort("estimate", manifest)

    assert told.code == 0, told.told
    lines = dict(line.rsplit("  ", 1) for line in map(str.strip, told.out.splitlines()) if "  " in line)
    figures = {name.strip(): value for name, value in lines.items()}
    assert (figures["tickets"], figures["batches"]) == ("3", "1")
    assert float(figures["price as a batch"].removeprefix("$")) > 0
    eventually(lambda: not shell.user.kubectl("get", "cb", "-o", "name").strip(), seconds=30)

    shell.user.apply(batch("held", inline("charged twice"), suspend=True))
    told = shell.nightsort("estimate", "held")
    assert told.code == 0, told.told
    shown = shell.user.get("held")["status"]
    assert (shown["phase"], shown["forecast"]["tickets"]) == ("Suspended", 1)
    assert api.ask("bill")["created"] == before

    wrong = shell.write("wrong.yaml", yaml.safe_dump(batch("wrong", inline("x"), model="claude-nobody-1")))
    told = shell.nightsort("estimate", wrong)
    assert told.code == 2, told.told
    assert "claude-nobody-1" in told.err
