"""What bad input gets: a message that names field, document and place; nothing bought, and nothing lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cluster.bench import batch, inline
from tests.contract.databases import TestDatabase
from tests.local.shell import Shell, config_map, from_config_map, from_database, into_database, secret

FINE = inline("I was charged twice", "The app crashes")
TOO_LARGE = "request_too_large"
Document = Mapping[str, Any] | str


@dataclass(frozen=True)
class Case:
    """A manifest file, statements that make its SQLite file, what is told of it, and the exit code.

    Code 2 is input that cannot even be begun with, 1 a run that has failed or waits for what is missing.
    """

    documents: tuple[Document, ...]
    told: tuple[str, ...]
    code: int = 1
    made: tuple[str, ...] = ()
    faults: tuple[Mapping[str, Any], ...] = field(default=())


def ids(*given: str) -> dict[str, Any]:
    return {"inline": {"tickets": [{"id": one, "body": "Refund me"} for one in given]}}


def file(key: str, text: object, **spec: Any) -> tuple[Document, ...]:
    return batch("tickets", from_config_map(key), **spec), config_map(key, text)


def database(query: str = "SELECT id, subject, body FROM tickets", **spec: Any) -> tuple[Document, ...]:
    return batch("tickets", from_database(query), **spec), secret(url="sqlite:///tickets.db")


def batch_text(more: str) -> str:
    """A manifest as people write it, with words that YAML has a meaning for."""
    return (
        "apiVersion: nightsort.dev/v1alpha1\nkind: ClassificationBatch\nmetadata: {name: tickets}\n"
        f"spec: {{model: claude-haiku-4-5, source: {{inline: {{tickets: [{{id: '1', body: x}}]}}}}, {more}}}\n"
    )


TABLE = (
    "CREATE TABLE tickets (id INTEGER PRIMARY KEY, subject TEXT, body TEXT, category TEXT)",
    "INSERT INTO tickets VALUES (1, 'Money', 'Charged twice', NULL)",
)
LINES = "\n".join(f'{{"id": "{number}", "subject": "a", "body": "b"}}' for number in range(1, 7))

# The file itself, and what stands in it.
FILES = {
    "no YAML": Case(("kind: [ConfigMap\nmetadata: {",), ("tickets.yaml: line 2, column", "not valid YAML"), 2),
    "no mapping": Case(("just words",), ("document 1: expected one of the kinds ClassificationBatch",), 2),
    "another kind": Case((batch("a", FINE), {"kind": "Pod"}), ("document 2: expected one of the kinds",), 2),
    "only a ConfigMap": Case((config_map("a.csv", ""),), ("no ClassificationBatch in this file",), 2),
    "another version": Case(
        ({**batch("tickets", FINE), "apiVersion": "nightsort.dev/v9"},),
        ("document 1 (tickets): expected apiVersion nightsort.dev/v1alpha1",),
        2,
    ),
    "two documents of which one is wrong": Case(
        (batch("fine", FINE), batch("wrong", FINE, modell="x", backoffLimit=11)),
        ("document 2 (wrong): spec.backoffLimit: ", "spec.modell: unknown field"),
        2,
    ),
    "two documents of one name": Case(
        (batch("same", FINE), batch("same", FINE)),
        ("document 2: there is a ClassificationBatch same before, document 1",),
        2,
    ),
    "a name that YAML reads as a date": Case(
        ("kind: ClassificationBatch\nmetadata: {name: 2026-11-22}\n",),
        ("document 1: metadata.name must be text: put it in quotes",),
        2,
    ),
    "a name that leads elsewhere": Case((batch("../../etc", FINE),), ("document 1: metadata.name may have",), 2),
    "no name": Case(({**batch("x", FINE), "metadata": {}},), ("document 1: metadata.name is missing",), 2),
    "a list where fields belong": Case(
        ({**batch("tickets", FINE), "spec": [1]},), ("document 1: spec: expected fields",), 2
    ),
    "a field that is given twice": Case(
        ("kind: ConfigMap\nmetadata: {name: a}\ndata:\n  a.csv: x\n  a.csv: y\n",),
        ("line 5, column 3: ", "a.csv is given twice"),
        2,
    ),
    "categories that YAML reads as a truth value and a number": Case(
        (f"{batch_text('categories: [{name: yes}, {name: 2026}]')}",),
        (
            "document 1 (tickets): spec.categories[0].name: must be text: YAML reads yes, no",
            "spec.categories[1].name: ",
        ),
        2,
    ),
    "a category with a comma": Case(
        (batch("tickets", FINE, categories=[{"name": "refunds, late"}]),),
        ("spec.categories[0].name: a category's name may have no comma",),
        2,
    ),
    "no source": Case((batch("tickets", {}),), ("spec.source: needs exactly one of", "none given"), 2),
    "two sources": Case(
        (batch("tickets", FINE | from_config_map("a.csv")),), ("spec.source: needs exactly one of", "2 given"), 2
    ),
    "a category named twice": Case(
        (batch("tickets", FINE, categories=[{"name": "Cash"}, {"name": "cash"}]),),
        ("document 1 (tickets): ", "categories: 'cash' is named twice"),
        2,
    ),
    "an id of 513 characters": Case(
        (batch("tickets", ids("x" * 513)),), ("spec.source.inline.tickets[0].id: ", "512 characters"), 2
    ),
}

# Tickets, in the resource and in ConfigMaps.
TICKETS = {
    "duplicate ids": Case(
        (batch("tickets", ids("7", "8", "7")),),
        ('tickets[2]: the id "7" was used before, by spec.source.inline.tickets[0]',),
    ),
    "an empty id": Case((batch("tickets", ids("7", "")),), ("spec.source.inline.tickets[1]: the id is empty",)),
    "a template that names what is not there": Case(
        (batch("tickets", FINE, prompt={"template": "$priority"}),), ("spec.prompt.template names $priority",)
    ),
    "a template with a stray dollar": Case(
        (batch("tickets", FINE, prompt={"template": "5 $"}),), ("prompt.template: a $ must be followed by",)
    ),
    "a ConfigMap that is missing": Case(
        (batch("tickets", from_config_map("a.csv")),), ("ConfigMap tickets does not exist",)
    ),
    "a key that is missing": Case(
        (batch("tickets", from_config_map("a.csv")), config_map("b.csv", "id\n1\n")),
        ("ConfigMap tickets has no key a.csv",),
    ),
    "content that is not UTF-8": Case(
        (
            batch("tickets", from_config_map("a.csv")),
            {
                "kind": "ConfigMap",
                "metadata": {"name": "tickets"},
                "binaryData": {"a.csv": "aWQsc3ViamVjdCxib2R5CjEseCzpCg=="},
            },
        ),
        ("ConfigMap tickets, key a.csv, line 2: not UTF-8 text",),
    ),
    "a zip archive": Case(
        (
            batch("tickets", from_config_map("a.csv")),
            {"kind": "ConfigMap", "metadata": {"name": "tickets"}, "binaryData": {"a.csv": "UEsDBBQAAAD/"}},
        ),
        ("ConfigMap tickets, key a.csv, line 1: this is a zip archive or a spreadsheet (.xlsx, .ods)",),
    ),
    "content that is a number": Case(file("a.csv", 42), ("ConfigMap tickets: data.a.csv must be text",)),
    "CSV without the named column": Case(
        file("a.csv", "id,subject\n1,Hello\n"),
        ("ConfigMap tickets, key a.csv, line 1: the header has no column 'body'",),
    ),
    "broken JSON in line 7": Case(
        file("a.jsonl", LINES + '\n{"id": "7", "body": '), ("ConfigMap tickets, key a.jsonl, line 7: no valid JSON",)
    ),
    "duplicate ids in a file": Case(
        file("a.csv", "id,subject,body\n1,a,b\n2,a,b\n1,a,b\n"), ('line 4: the id "1" was used before, by line 2',)
    ),
}

# Databases, Secrets, the model, and where the results go.
OUTSIDE = {
    "a query that fails": Case(database("SELEKT * FROM tickets"), ("syntax error", "spec.source.database"), made=TABLE),
    "a table that is missing": Case(database("SELECT * FROM nowhere"), ("no such table: nowhere",), made=TABLE),
    "a column that is missing": Case(
        database("SELECT id, subject FROM tickets"),
        ("spec.source.database", "the query has no column 'body'; its columns are 'id', 'subject'"),
        made=TABLE,
    ),
    "ids that are not unique": Case(
        database("SELECT id % 1 AS id, subject, body FROM tickets"),
        ("column 'id' is not unique: 2 rows, 1 different ids",),
        made=(*TABLE, "INSERT INTO tickets VALUES (2, 'a', 'b', NULL)"),
    ),
    "a column that is not UTF-8": Case(
        database(),
        ("column 'body' of ticket '1' is not UTF-8 text",),
        made=(TABLE[0], "INSERT INTO tickets VALUES (1, 'a', x'ff', NULL)"),
    ),
    "an SQLite file that is missing": Case(database(), ("there is no such SQLite file",)),
    "a Secret that is missing": Case(
        (batch("tickets", from_database()),),
        ("Secret db is not in the manifest file", "environment variable DB_URL", "with the key url"),
    ),
    "a Secret with a wrong key": Case(
        (batch("tickets", from_database()), secret(uri="sqlite:///tickets.db")),
        ("Secret db in the manifest file has no value under the key url",),
    ),
    "a Secret that is no URL": Case(
        (batch("tickets", from_database()), secret(url="my words")), ("the Secret's value is not a URL like",)
    ),
    "a key that the API refuses": Case(
        (batch("tickets", FINE),), ("API", "key"), faults=({"kind": "status", "status": 401, "operation": "models"},)
    ),
    "an unknown model": Case(
        (batch("tickets", FINE, model="claude-imaginary-1"),),
        ("spec.model: the API knows no model 'claude-imaginary-1'",),
    ),
    "a run that costs too much": Case(
        (batch("tickets", FINE, maxCostUSD="0.000001"),), ("above maxCostUSD 0.000001; nothing was bought",)
    ),
    "a prompt that the API refuses": Case(
        (batch("tickets", FINE),),
        ("PromptRefused: spec.prompt: the API refuses it (413 request_too_large): shorten prompt.instructions",),
        faults=(
            {"kind": "status", "status": 413, "operation": "count_tokens", "error_type": TOO_LARGE, "times": None},
        ),
    ),
    "a results table that is missing": Case(
        database(results=into_database("labels")), ("spec.results.database", "labels"), made=TABLE
    ),
    "a results table that lacks a column": Case(
        database(results=into_database(columns={"id": "id", "category": "label"})),
        ("spec.results.database", "'label'"),
        made=TABLE,
    ),
    "a results column that is never NULL": Case(
        database(results=into_database()),
        ("CategoryNeverNull", "column 'category' of table 'tickets' is NOT NULL", "overwrite: true"),
        made=(TABLE[0].replace("category TEXT", "category TEXT NOT NULL"), TABLE[1].replace("NULL", "''")),
    ),
    "results for rows that are all filled": Case(
        database(results=into_database()),
        ("NothingToFill", "no row of table 'tickets' is without a category (NULL)"),
        made=(TABLE[0], TABLE[1].replace("NULL", "''")),
    ),
    "results for rows that are not there": Case(
        (batch("tickets", ids("T-1", "T-2"), results=into_database()), secret(url="sqlite:///tickets.db")),
        ("NoRowForTickets", "none of the first 2 tickets has a row in table 'tickets'", "'T-1', 'T-2'"),
        made=TABLE,
    ),
}

CASES = FILES | TICKETS | OUTSIDE


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_is_told_with_its_place_and_nothing_is_bought_or_lost(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    monkeypatch.chdir(shell.folder)
    for statement in case.made:
        shell.table(statement)
    before = shell.table("SELECT * FROM tickets") if case.made else []
    if case.faults:
        shell.api.ask("faults", list(case.faults))

    outcome = shell.local(shell.write(*case.documents))

    assert outcome.code == case.code, outcome.told
    for words in case.told:
        assert words in outcome.err
    assert "Traceback" not in outcome.told
    assert shell.bought()["created"] == 0
    assert (shell.table("SELECT * FROM tickets") if case.made else []) == before


# Tables for results, and what is told of them.
UNFIT = {
    "numbers": ("CREATE TABLE labels (id text PRIMARY KEY, category int)", "a value does not fit", "of category)"),
    "an enum": ("CREATE TABLE labels (id text PRIMARY KEY, category kind)", "a value does not fit", "of category)"),
    "a short text": ("CREATE TABLE labels (id text PRIMARY KEY, category varchar(5))", "a value does not fit"),
    "a foreign key": (
        "CREATE TABLE labels (id text PRIMARY KEY, category text CONSTRAINT known REFERENCES kinds)",
        "a value does not fit",
        "of known)",
    ),
    "ids of another type": (
        "CREATE TABLE labels (id int PRIMARY KEY, category text)",
        "a value does not fit",
        "of id)",
    ),
    "another column that must be given": (
        "CREATE TABLE labels (id text PRIMARY KEY, category text, customer int NOT NULL)",
        "a value does not fit",
        "of customer)",
    ),
}


@pytest.mark.parametrize("case", UNFIT.values(), ids=UNFIT)
def test_a_table_that_cannot_take_the_results_is_told_before_anything_is_bought(
    shell: Shell, postgres_database: str, case: tuple[str, ...]
) -> None:
    make, *told = case
    tables = TestDatabase("postgresql", postgres_database)
    tables.run(
        "CREATE TYPE kind AS ENUM ('billing', 'technical')",
        "CREATE TABLE kinds (name text PRIMARY KEY)",
        "CREATE TABLE tickets (id text PRIMARY KEY, subject text, body text)",
        "INSERT INTO tickets VALUES ('T-1', 'Money', 'Charged twice')",
        make,
    )

    outcome = shell.local(
        shell.write(
            batch("tickets", from_database(), results=into_database("labels", mode="Upsert")),
            secret(url=postgres_database),
        )
    )

    assert outcome.code == 1, outcome.told
    assert "ValueRefused: spec.results.database: " in outcome.err
    for words in told:
        assert words in outcome.err
    assert shell.bought()["created"] == 0
    assert tables.rows("SELECT * FROM labels") == []


def test_a_file_that_is_not_utf_8_is_told_with_the_line(shell: Shell) -> None:
    path = shell.write(batch("tickets", FINE))
    path.write_bytes(path.read_bytes() + b"# caf\xe9\n")

    outcome = shell.local(path)

    assert outcome.code == 2
    lines = path.read_bytes().count(b"\n")
    assert f"tickets.yaml: line {lines}: not UTF-8 text" in outcome.err


def test_a_file_that_is_missing_or_a_folder_is_told(shell: Shell) -> None:
    assert "nothing.yaml: no such file" in shell.local(shell.folder / "nothing.yaml").err
    assert "cannot be read: Is a directory" in shell.local(shell.folder).err


MENDED = {
    "the model": (batch("tickets", FINE, model="claude-imaginary-1"),),
    "an id": (batch("tickets", ids("1", "1")),),
    "the ConfigMap that was missing": (batch("tickets", from_config_map("tickets.csv")),),
    "what stands in the ConfigMap": file("tickets.csv", "id,body\n1,Hello\n"),
}


@pytest.mark.parametrize("wrong", MENDED.values(), ids=MENDED)
def test_what_is_mended_in_the_file_runs_under_the_same_name(shell: Shell, wrong: tuple[Document, ...]) -> None:
    assert shell.local(shell.write(*wrong)).code == 1

    mended = file("tickets.csv", "id,subject,body\n1,Money,I was charged twice\n2,App,It crashes\n")
    outcome = shell.local(shell.write(*mended))

    assert outcome.code == 0, outcome.told
    assert {row["id"] for row in shell.rows()} == {"1", "2"}
    assert shell.bought()["accepted"] == 2


@pytest.mark.parametrize("source", [inline(), from_config_map("tickets.csv")], ids=["inline", "configMap"])
def test_zero_tickets_are_complete_with_zero_rows_and_nothing_is_bought(
    shell: Shell, source: Mapping[str, Any]
) -> None:
    outcome = shell.local(shell.write(batch("tickets", source), config_map("tickets.csv", "id,subject,body\n")))

    assert outcome.code == 0
    assert "the source has no tickets; nothing was bought" in outcome.out
    assert shell.rows() == []
    assert shell.bought()["created"] == 0


def test_long_ids_and_ids_of_emoji_make_the_round_trip(shell: Shell) -> None:
    given = ["x" * 500, "🎟️ 7", "ü" * 500, 'a,b\n"c"', "plain-1"]

    assert shell.local(shell.write(batch("tickets", ids(*given)))).code == 0

    assert sorted(row["id"] for row in shell.rows()) == sorted(given)
    assert {row["verdict"] for row in shell.rows()} == {"Labeled"}
    assert shell.bought()["accepted"] == len(given)


def test_an_empty_body_is_sent_with_its_subject_and_an_empty_ticket_is_not_sent(shell: Shell) -> None:
    tickets = [{"id": "subject", "subject": "Refund my invoice"}, {"id": "empty", "subject": " ", "body": "\n"}]

    outcome = shell.local(shell.write(batch("tickets", {"inline": {"tickets": tickets}})))

    assert outcome.code == 0, outcome.told
    rows = {row["id"]: row for row in shell.rows()}
    assert rows["subject"]["category"] == "billing"
    assert rows["empty"]["verdict"] == "Unsendable"
    assert "no text" in rows["empty"]["reason"]
    assert shell.bought()["accepted"] == 1


def test_a_body_of_ten_megabytes_is_cut(shell: Shell) -> None:
    shell.table(TABLE[0])
    shell.table("INSERT INTO tickets VALUES (?, ?, ?, NULL)", [(1, "Refund", "invoice " * 1_310_720)])
    document = batch("tickets", from_database(), results=into_database(), prompt={"maxBodyChars": 500})

    outcome = shell.local(shell.write(document, secret(url=shell.url)))

    assert outcome.code == 0, outcome.told
    assert shell.table("SELECT category FROM tickets") == [("billing",)]
    [bought] = shell.bought()["batches"]
    assert bought["input_tokens"] < 1000
