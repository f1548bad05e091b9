"""The commands for a cluster, as far as they can be told without one; the rest is in tests/cluster/test_kubectl.py."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import ApiClient, Configuration

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.adapters.config_map.stored_rows import stored_rows
from nightsort.adapters.kubernetes.resources import KubeResources
from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.condition import Condition
from nightsort.api.cost import Cost
from nightsort.api.counts import TicketCounts
from nightsort.api.plan import Plan
from nightsort.api.resource import Meta, Resource
from nightsort.api.results import ConfigMapResults
from nightsort.api.status import Status
from nightsort.api.stored_results import StoredResults
from nightsort.cli.cluster.retry_plan import FORMS, RetryPlan, again, leaves_out_labeled, next_name, spec_again
from nightsort.cli.cluster.tickets import Wishes
from nightsort.cli.commands.create import order_of
from nightsort.cli.duration import seconds_of
from nightsort.cli.flags import TicketOptions
from nightsort.cli.manifests import InvalidManifest
from nightsort.cli.output.json_on_terminals import as_json
from nightsort.cli.output.rows import Printer, elsewhere
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.errors import Rejected, Stalled
from nightsort.domain.printable import printable
from nightsort.domain.prompt import placeholders
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.corrections import correction
from nightsort.wiring.cluster import Cluster, tickets_in, tickets_of
from tests.support.manifests import manifest
from tests.support.manifests import stored as stored_manifest
from tests.unit.formats.workbooks import workbook

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
OWNER = Meta("support", "tickets", "uid-1")
HOSTILE = 'a\x1b]0;owned\x07"=1+1,\u202e\r\n\u2028\x9b1m'
ROWS = [
    Row("1", "billing", Verdict.LABELED, "", "claude-haiku-4-5", "msgbatch_1", NOW, 90, 2),
    Row(HOSTILE, None, Verdict.EXPIRED, "not run within 24 hours"),
    Row("\U0001f600", None, Verdict.UNKNOWN, HOSTILE),
]
WISHES = Wishes(model="claude-haiku-4-5")


# --- rows are read back -----------------------------------------------------------------------------------------------


async def stored(form: Any, rows: Sequence[Row]) -> MemoryConfigMaps:
    async def pages() -> AsyncIterator[Sequence[Row]]:
        yield rows

    config_maps = MemoryConfigMaps()
    await ConfigMapRows(config_maps, OWNER, ConfigMapResults(format=form)).write(pages())
    return config_maps


async def read(config_maps: MemoryConfigMaps, owner: Meta = OWNER) -> list[Row]:
    return [row async for page in stored_rows(config_maps, owner, "tickets-results") for row in page]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_rows_are_read_back_as_they_were_stored(form: str) -> None:
    assert await read(await stored(form, ROWS)) == ROWS


async def test_rows_of_many_parts_are_read_back_in_order() -> None:
    rows = [Row(f"{number:06}", None, Verdict.MISSING, "x" * 400) for number in range(5_000)]
    config_maps = await stored("jsonl", rows)

    assert len(config_maps.kept) > 2
    assert await read(config_maps) == rows


async def test_a_config_map_that_somebody_has_replaced_or_damaged_is_not_read() -> None:
    config_maps = await stored("jsonl", ROWS)
    with pytest.raises(Stalled, match="does not belong to this tickets"):
        await read(config_maps, replace(OWNER, uid="uid-2"))

    place = ("support", "tickets-results")
    for text in ("{}\n", '{"id": 1}\n', "nonsense\n", '{"id": "1", "verdict": "Imagined"}\n'):
        kept = config_maps.kept[place]
        config_maps.kept[place] = replace(kept, data={**kept.data, "results.jsonl": text})
        with pytest.raises(Stalled, match=r"ConfigMap tickets-results, key results\.jsonl: "):
            await read(config_maps)

    del config_maps.kept[place]
    with pytest.raises(Stalled, match="is not there any more"):
        await read(config_maps)


# --- and shown --------------------------------------------------------------------------------------------------------


def printed(form: str, capsys: pytest.CaptureFixture[str], *, terminal: bool = False) -> str:
    printer = Printer(form, terminal=terminal)
    printer.show(ROWS[:1])
    printer.show(ROWS[1:])
    printer.end()
    return capsys.readouterr().out


def test_machine_formats_are_exact(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed("jsonl", capsys).removesuffix("\n").split("\n")
    assert [json.loads(line)["id"] for line in lines] == [row.id for row in ROWS]
    cells = list(csv.reader(io.StringIO(printed("csv", capsys), newline="")))
    assert [line[0] for line in cells] == ["id", *(row.id for row in ROWS)]


def test_nothing_that_a_terminal_would_obey_is_shown_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("table", "jsonl", "csv"):
        shown = printed(form, capsys, terminal=True)
        assert all(character.isprintable() or character == "\n" for character in shown)
    assert "\x1b" not in printed("table", capsys)
    assert [json.loads(line)["id"] for line in printed("jsonl", capsys, terminal=True).splitlines()] == [
        row.id for row in ROWS
    ]


def test_what_can_be_printed_is_left_as_it_is() -> None:
    assert printable("Über ✓ \U0001f600") == "Über ✓ \U0001f600"
    assert printable("\x1b[2J\r\u202e") == "\\x1b[2J\\r\\u202e"
    assert json.loads(as_json('"\U000e0001\x7f"')) == "\U000e0001\x7f"


# --- a file of tickets becomes a resource -----------------------------------------------------------------------------


def bundle(path: Path, wishes: Wishes = WISHES, **more: Any) -> Any:
    given = {"template": None, "namespace": None, "fallback": None, "tickets": TicketOptions(), **more}
    return order_of(path, wishes, given["template"], NOW, given["namespace"], given["fallback"], given["tickets"])


def test_a_file_of_tickets_gives_a_resource_and_its_config_map(tmp_path: Path) -> None:
    file = tmp_path / "Night Shift.csv"
    file.write_text("id,subject,body\n1,a,b\n")
    wishes = replace(WISHES, categories=("billing, technical", "other"), max_cost="2.00")

    made = bundle(file, wishes, namespace="support")

    assert made.manifest["metadata"] == {"name": "night-shift", "namespace": "support"}
    spec = made.manifest["spec"]
    assert spec["source"] == {"configMap": {"name": "night-shift-tickets", "key": "tickets.csv"}}
    assert [category["name"] for category in spec["categories"]] == ["billing", "technical", "other"]
    assert spec["maxCostUSD"] == "2.00"
    assert (made.tickets.name, dict(made.tickets.data)) == ("night-shift-tickets", {"tickets.csv": file.read_text()})


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.csv", "id,status\n1,b\n", "no column is known to be a subject or a body: say which is with --body COLUMN"),
        ("a.csv", "id,Ticket ID,body\n1,2,b\n", "2 columns could be the id, 'id', 'Ticket ID': say which with --id id"),
        ("a.tsv", "id\tbody\n", "only a header and no tickets"),
        (
            "a.csv",
            "id,subject,body\n1,a,b\n1,c,d\n",
            '1 ticket has the id of an earlier one: "1" (lines 2 and 3); leave one of each',
        ),
        ("a.jsonl", '{"subject": }\n', "line 1: no valid JSON"),
        ("a.json", '[{"id": "1", "subject": "", "body": ""}', "no valid JSON"),
        (
            "a.csv",
            "id,subject,body\n1,a," + "b" * 1024 * 1024 + "\n",
            "than the 1,048,576 that a ConfigMap holds: put the tickets",
        ),
    ],
)
def test_tickets_that_cannot_be_used_are_refused_before_anything_is_made(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidManifest, match="a\\.") as refused:
        bundle(tmp_path / name)
    assert complaint in str(refused.value)


@pytest.mark.parametrize("name", ["jira.csv", "salesforce-report.csv", "intercom.csv", "zendesk.jsonl"])
def test_an_export_of_a_help_desk_is_left_as_it_is_and_its_columns_are_named(name: str) -> None:
    path = Path(__file__).resolve().parents[1] / "data" / "exports" / name

    made = bundle(path)

    [(key, content)] = made.tickets.data.items()
    assert content == path.read_bytes().decode("cp1252" if "salesforce" in name else "utf-8-sig")
    source = made.manifest["spec"]["source"]["configMap"]
    assert (source["key"], set(source)) == (key, {"name", "key", "columns"})
    tickets = read_by_the_operator(made)
    assert all(ticket["id"] and ticket["body"] for ticket in tickets)
    assert len(tickets[0]) > 5
    other_words = "$body" if "subject" not in source["columns"] else None
    assert made.manifest["spec"].get("prompt", {}).get("template") == other_words


def read_by_the_operator(made: Any) -> Sequence[Mapping[str, str]]:
    spec = Resource.of(made.manifest).spec
    assert spec.source.config_map is not None
    found = tickets_in(made.tickets, spec.source.config_map, placeholders(spec.prompt))
    assert found is not None
    return found[0]


def test_an_export_in_another_encoding_is_put_there_as_characters(tmp_path: Path) -> None:
    text = "Ticket ID;Betreff;Beschreibung\r\n1;Gebühr;Doppelte Gebühr für März\r\n"
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))

    made = bundle(tmp_path / "a.csv", tickets=TicketOptions(encoding="cp1252", delimiter=";"))

    assert made.tickets.data == {"tickets.csv": text}
    assert made.manifest["spec"]["source"]["configMap"]["delimiter"] == ";"
    assert [ticket["subject"] for ticket in read_by_the_operator(made)] == ["Gebühr"]


def test_an_export_that_the_operator_cannot_read_as_it_is_becomes_json_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Betreff;Beschreibung\na;b\n")
    (tmp_path / "a.xlsx").write_bytes(workbook({"A": [["Ticket ID", "Subject", "Body"], ["7", "a", "b"]]}))

    [of_rows, of_cells] = [bundle(tmp_path / name) for name in ("a.csv", "a.xlsx")]

    assert [ticket["id"] for ticket in read_by_the_operator(of_cells)] == ["7"]
    [ticket] = read_by_the_operator(of_rows)
    assert re.fullmatch("2-[0-9a-f]{12}", ticket["id"]), "its row and a hash of its text"
    assert set(of_rows.tickets.data) == set(of_cells.tickets.data) == {"tickets.jsonl"}


def test_a_template_that_names_no_column_of_an_export_is_refused_with_the_columns_there_are(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("Ticket ID\tCreated at\tBody\n1\ttoday\tb\n")

    made = bundle(tmp_path / "a.tsv", replace(WISHES, template="${Created at} $body"))
    assert made.manifest["spec"]["prompt"] == {"template": "${Created at} $body"}
    with pytest.raises(
        InvalidManifest, match=r"there is no column 'Created', which .*'Ticket ID', 'Created at', 'Body'"
    ):
        bundle(tmp_path / "a.tsv", replace(WISHES, template="${Created} $body"))


def test_a_file_is_what_a_person_says_whatever_its_name_is(tmp_path: Path) -> None:
    (tmp_path / "export.dat").write_text("id\tbody\ttags\n1\ta\n")

    made = bundle(tmp_path / "export.dat", tickets=TicketOptions(format="tsv", fill_short_rows=True))

    assert json.loads(made.tickets.data["tickets.jsonl"])["body"] == "a"


def test_the_columns_that_a_person_names_are_taken(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,ref,body,notes\n1,x,a,b\n")

    made = bundle(tmp_path / "a.csv", tickets=TicketOptions(id="ref", text=("notes", "body")))

    [ticket] = read_by_the_operator(made)
    assert (ticket["id"], ticket["body"], ticket["notes"]) == ("x", "b\n\na", "b")
    assert made.manifest["spec"]["source"]["configMap"]["textColumns"] == ["notes", "body"]
    assert made.manifest["spec"]["prompt"] == {"template": "$body"}


def test_json_may_be_a_manifest_or_tickets(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(manifest("night")))
    (tmp_path / "tickets.json").write_text(json.dumps([{"id": "1", "subject": "a", "body": "b"}]))

    assert bundle(tmp_path / "manifest.json", Wishes()).tickets is None
    assert bundle(tmp_path / "tickets.json").tickets is not None
    with pytest.raises(InvalidManifest, match="--model is for files of tickets"):
        bundle(tmp_path / "manifest.json")
    with pytest.raises(InvalidManifest, match="has tickets and no model"):
        bundle(tmp_path / "tickets.json", Wishes())


def test_the_namespace_is_the_flags_the_manifests_the_contexts_or_left_open(tmp_path: Path) -> None:
    file = tmp_path / "night.yaml"

    def namespace(own: str | None, **more: Any) -> Any:
        written = manifest("night")
        written["metadata"] |= {"namespace": own} if own else {}
        file.write_text(json.dumps(written))
        return bundle(file, Wishes(), **more).manifest["metadata"].get("namespace")

    assert namespace("own", namespace="flag", fallback="context") == "flag"
    assert namespace("own", fallback="context") == "own"
    assert namespace(None, fallback="context") == "context"
    assert namespace(None) is None


@pytest.mark.parametrize("name", ["Night", "a/b", "-a", "a_b"])
def test_a_name_that_is_none_is_refused_as_such(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.csv").write_text("id,subject,body\n1,a,b\n")
    with pytest.raises(InvalidManifest, match="--name may have small letters, digits"):
        bundle(tmp_path / "a.csv", template=name)


async def test_a_cluster_without_the_crd_is_told_from_one_without_the_resource() -> None:
    async def answer(request: web.Request) -> web.Response:
        if "missing" in request.path:
            return web.json_response({"kind": "Status", "reason": "NotFound", "message": "not found"}, status=404)
        return web.Response(status=404, text="404 page not found\n")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server, ApiClient(Configuration(host=str(server.make_url("")))) as client:
        resources = KubeResources(client)
        with pytest.raises(Stalled, match="there is no ClassificationBatch missing in namespace support"):
            await resources.read("support", "missing")
        told = "the cluster knows no ClassificationBatch: install the CRD"
        with pytest.raises(Stalled, match=told):
            await resources.read("support", "tickets")
        with pytest.raises(Stalled, match=told):
            await resources.create(stored_manifest("tickets"))
        with pytest.raises(Stalled, match=told):
            async for _ in resources.follow("support"):
                pass


# --- what a retry is made of ------------------------------------------------------------------------------------------


def test_a_retry_has_a_name_that_says_whose_it_is() -> None:
    assert [next_name(name) for name in ("a", "a-retry", "a-retry-2", "a-retry-x")] == [
        "a-retry",
        "a-retry-2",
        "a-retry-3",
        "a-retry-x-retry",
    ]


def test_a_retry_leaves_out_what_has_stopped_the_run_and_whose_results_they_are() -> None:
    spec = manifest(suspend=True, activeDeadlineSeconds=0, results={"configMap": {"name": "mine", "format": "csv"}})

    again = spec_again(spec["spec"])

    assert again["results"] == {"configMap": {"format": "csv"}}
    assert set(again) == {"model", "source", "results"}
    assert spec_again({"reuse": "Unchanged"}) == {"reuse": "Never"}, "the rows of the failed ones would stand"
    assert spec_again({"activeDeadlineSeconds": 90_000}) == {"activeDeadlineSeconds": 90_000}


@pytest.mark.parametrize(
    ("query", "column", "secret", "skips"),
    [
        ("SELECT * FROM tickets WHERE category IS NULL", "category", "db", True),
        ('SELECT * FROM tickets WHERE "category" is  null', "category", "db", True),
        ("SELECT t.* FROM tickets t WHERE t.label IS NULL", "label", "db", True),
        ("SELECT * FROM tickets", "category", "db", False),
        ("SELECT * FROM tickets WHERE category IS NOT NULL", "category", "db", False),
        ("SELECT * FROM tickets WHERE subcategory IS NULL", "category", "db", False),
        ("SELECT * FROM tickets WHERE category IS NULL", "category", "other", False),
        ("SELECT * FROM inbox WHERE category IS NULL", "category", "db", False),
        ("SELECT * FROM tickets WHERE category IS NULL OR urgent", "category", "db", False),
    ],
)
def test_a_query_that_asks_for_rows_without_a_category_skips_the_others(
    query: str, column: str, secret: str, skips: bool
) -> None:
    source = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "query": query}}
    columns = {"id": "id", "category": column}
    database = {"urlSecretRef": {"name": secret, "key": "url"}, "table": "tickets", "columns": columns}
    resource = Resource.of(manifest(source=source, results={"database": database}))

    assert leaves_out_labeled(resource) is skips
    upserted = Resource.of(manifest(source=source, results={"database": {**database, "mode": "Upsert"}}))
    assert not leaves_out_labeled(upserted)


def ended(total: int = 3, failed: int = 1, **more: Any) -> Status:
    finished = Condition(type="Finished", status="True", last_transition_time=NOW, reason="Complete")
    record = BatchRecord(shard=0, attempt=0, tag="a", state=BatchState.COLLECTED, requests=total, intended_at=NOW)
    tickets = TicketCounts(total=total, labeled=total - failed, failed=failed)
    given = {"batches": (record,), "tickets": tickets, "plan": Plan(tickets=total), "conditions": (finished,)}
    return Status(**{**given, **more})


async def retried(
    status: Status,
    config_maps: MemoryConfigMaps | None = None,
    *,
    everything: bool = False,
    corrected: Collection[str] = (),
    **spec: Any,
) -> RetryPlan:
    written = stored_manifest("tickets")
    written["metadata"]["uid"] = OWNER.uid
    written["spec"] |= spec
    resource = Resource.of(written).with_status(status)
    cluster: Any = Cluster(None, config_maps or MemoryConfigMaps(), "support", EnvSecrets((), {}))  # type: ignore[arg-type]
    return await again(
        cluster,
        resource,
        written,
        None,
        (),
        everything=everything,
        corrected={one: correction(one) for one in corrected},
    )


def inline_of(*ids: str) -> dict[str, Any]:
    return {"inline": {"tickets": [{"id": ticket, "body": "Refund"} for ticket in ids]}}


async def test_a_retry_of_an_inline_list_has_the_failed_tickets_alone_and_says_what_they_cost() -> None:
    status = ended(cost=Cost(estimated_usd="0.0300"), results=StoredResults(config_maps=("tickets-results",)))
    rows = [ROWS[0], Row("2", None, Verdict.ERRORED, "api_error"), Row("3", None, Verdict.UNSENDABLE)]

    made = await retried(status, await stored("jsonl", rows), source=inline_of("1", "2", "3"))

    assert made.order is not None
    assert made.order.manifest["spec"]["source"] == inline_of("2")
    assert made.notes[0] == "1 ticket of 3 sent again (1 Errored), for about $0.0100"


async def test_a_ticket_that_a_person_has_given_a_category_is_not_sent_again() -> None:
    status = ended(failed=2, results=StoredResults(config_maps=("tickets-results",)))
    rows = [ROWS[0], Row("2", None, Verdict.ERRORED, "api_error"), Row("3", None, Verdict.UNKNOWN, "none")]
    maps = await stored("jsonl", rows)

    made = await retried(status, maps, corrected={"1", "3"}, source=inline_of("1", "2", "3"))
    none = await retried(status, maps, corrected={"2", "3"}, source=inline_of("1", "2", "3"))

    assert made.order is not None
    assert made.order.manifest["spec"]["source"] == inline_of("2")
    assert made.notes[:2] == (
        "1 ticket of 3 sent again (1 Errored)",
        "a person has given 1 ticket a category: not sent again",
    )
    assert none.order is None
    assert none.notes[1] == "a person has given 2 tickets a category: not sent again"


DATABASE = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "query": "SELECT * FROM tickets"}}


OPEN = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "query": "SELECT * FROM t WHERE category IS NULL"}}
TABLE = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "table": "t", "mode": "Update"}}


async def test_a_retry_of_a_query_leaves_out_what_a_person_has_given_a_category() -> None:
    status = ended(failed=3, cost=Cost(estimated_usd="0.0300"), results=StoredResults(table="t"))

    plain = await retried(status, source=OPEN, results=TABLE)
    made = await retried(status, corrected={"2", "o'x"}, source=OPEN, results=TABLE)
    none = await retried(status, corrected={"1", "2", "3"}, source=OPEN, results=TABLE)

    assert plain.order is not None
    assert plain.order.manifest["spec"]["source"] == OPEN
    assert made.order is not None
    query = made.order.manifest["spec"]["source"]["database"]["query"]
    assert query == "SELECT * FROM t WHERE category IS NULL AND id NOT IN ('2', 'o''x')"
    assert made.notes[:2] == (
        "its query finds the 1 ticket that got no category, and whatever is new, for about $0.0100",
        "a person has given 2 tickets a category: not sent again",
    )
    assert none.order is None
    again = await retried(status, corrected={"4"}, source=made.order.manifest["spec"]["source"], results=TABLE)
    assert again.order is not None
    assert again.order.manifest["spec"]["source"]["database"]["query"].count("NOT IN") == 2


async def test_a_query_that_cannot_leave_them_out_is_not_sent() -> None:
    status = ended(2_000, 2_000, results=StoredResults(table="t"))
    many = [f"ticket-{number}" for number in range(1_500)]

    for corrected in (["a\\b"], many):
        with pytest.raises(Rejected, match="write these categories into the table first, or give --all"):
            await retried(status, corrected=corrected, source=OPEN, results=TABLE)


async def test_where_it_cannot_be_told_what_failed_all_tickets_are_sent_only_on_demand() -> None:
    status = ended(results=StoredResults(table="tickets"))
    for source in (DATABASE, inline_of("1", "2", "3")):
        with pytest.raises(Rejected, match="give --all to send, and pay, all its tickets again"):
            await retried(status, source=source)

        made = await retried(status, source=source, everything=True)

        assert made.order is not None
        assert made.order.manifest["spec"]["source"] == source
        assert made.notes[0] == "3 tickets sent, and paid, again"


async def test_a_run_that_has_bought_nothing_is_retried_as_it_was() -> None:
    made = await retried(ended(0, 0, batches=()), source=DATABASE)

    assert made.order is not None
    assert made.order.manifest["spec"]["source"] == DATABASE


async def test_there_is_nothing_to_retry_where_every_ticket_has_its_category() -> None:
    made = await retried(ended(3, 0), source=DATABASE)

    assert (made.order, made.notes) == (None, ("nothing to retry: every ticket of tickets has its category",))


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (ended(results=StoredResults(table="tickets")), "the rows of tickets are in table tickets"),
        (ended(results=StoredResults(object_store="s3://a/b/")), "the rows of tickets are in s3://a/b/"),
        (ended(phase="Failed", message="no"), "tickets has no rows: Failed: no"),
        (Status(), "tickets has no rows yet: no operator has looked at it yet"),
    ],
)
def test_rows_that_are_elsewhere_are_told_of(status: Status, told: str) -> None:
    assert elsewhere(Resource.of(stored_manifest("tickets")).with_status(status)) == told


@pytest.mark.parametrize("form", ["csv", "jsonl", "json"])
def test_tickets_are_written_again_as_they_were(form: Any) -> None:
    tickets = [{"id": "1", "body": HOSTILE, "more, columns": ""}, {"id": " 2", "body": "\r", "more, columns": '"'}]

    assert list(tickets_of(FORMS[form](tickets), form)) == tickets


# --- durations and completion -----------------------------------------------------------------------------------------


def test_durations_are_those_of_kubectl() -> None:
    assert [seconds_of(text) for text in ("90s", "10m", "1h30m", "250ms", "1.5h", "7")] == [
        90,
        600,
        5400,
        0.25,
        5400,
        7,
    ]
    for wrong in ("", "soon", "10 m", "-1", "-1s", "inf", "nan", "m"):
        with pytest.raises(typer.BadParameter, match="is no duration"):
            seconds_of(wrong)


def offered(folder: Path, *arguments: str) -> list[str]:
    """What kubectl is offered at the last argument; its own answer is that of a script."""
    script = folder / "kubectl"
    script.write_text('#!/bin/sh\necho "$@" >> asked\nprintf "night\\tComplete\\nnew\\t\\nnoon\\tProcessing\\n"\n')
    script.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, "-c", "from nightsort.__main__ import complete_for_kubectl as main; main()", *arguments],
        env={**os.environ, "PATH": str(folder) + os.pathsep + os.environ["PATH"]},
        cwd=folder, text=True, capture_output=True, check=True,
    )  # fmt: skip
    return ended.stdout.splitlines()


def test_names_are_offered_with_their_phases_where_they_fit(tmp_path: Path) -> None:
    assert offered(tmp_path, "watch", "n") == ["night\tComplete", "new\tnew", "noon\tProcessing", ":4"]
    assert offered(tmp_path, "cancel", "-n", "support", "no") == ["noon\tProcessing", ":4"]
    assert offered(tmp_path, "retry", "") == ["night\tComplete", ":4"]
    assert "--namespace=support" in (tmp_path / "asked").read_text()
    assert offered(tmp_path, "results", "night", "--verdict", "E") == ["Errored", "Expired", ":4"]


def test_without_an_answer_files_are_offered(tmp_path: Path) -> None:
    assert offered(tmp_path, "create", "--from", "tick") == [":0"]
    assert offered(tmp_path, "watch", "zz") == [":0"]
