"""The simulated model reads tickets and categories, so that a reader finds its answers sensible."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nightsort.domain.examples import Example, with_examples
from nightsort.simulator.answers import Classifier, read_categories
from tests.wire.conftest import SYSTEM, TICKETS, Bench, Start, item, items

EXPECTED = ["billing", "technical", "account", "other", "billing", "account"]
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "additionalProperties": False}
BANK = """Sort the ticket.

- Answer with one name.

Categories:
- card: A bank card that is lost, stolen, damaged, not delivered yet, or declined; PINs
- transfer: Sending money to somebody, transfers that are pending, failed or need to be cancelled
- top-up: Adding money to the account
- fees: Charges, fees and exchange rates that the customer does not understand
- cash: Cash withdrawals at a machine
- account: Passcode, identity checks, personal details, closing the account
- other: Anything else
"""


def text_of(result: Any) -> str:
    """The text of a result's first block of text."""
    return next(str(block.text) for block in result.message.content if block.type == "text")


async def test_each_ticket_gets_the_category_whose_words_it_shares(bench: Bench) -> None:
    results = await bench.run(items(len(TICKETS)))
    assert [text_of(results[f"ticket-{n}"]) for n in range(len(TICKETS))] == EXPECTED


async def test_system_and_ticket_may_come_as_blocks(bench: Bench) -> None:
    blocks = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
    messages = [{"role": "user", "content": [{"type": "text", "text": TICKETS[0]}]}]
    results = await bench.run([item(0, system=blocks, messages=messages)])
    assert text_of(results["ticket-0"]) == "billing"


async def test_a_ticket_that_is_shown_with_others_is_answered_by_its_own_words(bench: Bench) -> None:
    others = [Example(f"p{number}", text, "billing") for number, text in enumerate(TICKETS)]
    shown = [
        item(number, messages=[{"role": "user", "content": with_examples(text, others)}])
        for number, text in enumerate(TICKETS)
    ]

    results = await bench.run(shown)

    assert [text_of(results[f"ticket-{n}"]) for n in range(len(TICKETS))] == EXPECTED


async def test_a_json_schema_is_answered_with_json(bench: Bench) -> None:
    config = {"format": {"type": "json_schema", "schema": SCHEMA}}
    results = await bench.run([item(0, output_config=config)])
    assert json.loads(text_of(results["ticket-0"])) == {"label": "billing"}


DEMAND = """
Answer with one JSON object and nothing else. It has exactly these members:
"category": the name of exactly one category, spelled as in the list
"topics": what it is about; a list of at most 1 of "card", "invoice"; empty where none fits
"summary": a text of at most 10 characters
"stars": a whole number from 2 to 3
"confidence": how sure you are of the category; one of "low", "medium", "high"
"""
MEMBERS = ["category", "topics", "summary", "stars", "confidence"]


@pytest.mark.parametrize("schema", [True, False])
async def test_an_object_is_answered_where_a_schema_or_the_prompt_asks_for_one(bench: Bench, schema: bool) -> None:
    values = {"type": "string", "enum": ["low", "medium", "high"]}
    properties = {name: {"type": "string"} for name in MEMBERS} | {"confidence": values, "stars": {"type": "integer"}}
    properties["topics"] = {"type": "array", "items": {"type": "string", "enum": ["card", "invoice"]}}
    form = {"type": "object", "properties": properties, "required": MEMBERS, "additionalProperties": False}
    config: dict[str, Any] = {"output_config": {"format": {"type": "json_schema", "schema": form}}} if schema else {}

    results = await bench.run([item(0, system=SYSTEM + DEMAND, max_tokens=200, **config)])

    answer = json.loads(text_of(results["ticket-0"]))
    assert list(answer) == MEMBERS
    assert answer["category"] == "billing"
    assert set(answer["topics"]) <= {"card", "invoice"}
    assert 0 < len(answer["summary"]) <= 10
    assert answer["stars"] in (2, 3)
    assert answer["confidence"] in ("low", "medium", "high")


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "string"}, "must be an object"),
        ({"type": "object", "properties": {}}, "additionalProperties"),
        (
            {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "string", "maxLength": 3}}},
            "property 'maxLength' is not supported",
        ),
        (
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {"a": {"enum": [str(n) for n in range(1001)]}},
            },
            "grammar is too large",
        ),
    ],
)
async def test_a_schema_that_the_api_does_not_take_fails_when_its_batch_has_ended(
    bench: Bench, schema: dict[str, Any], why: str
) -> None:
    results = await bench.run([item(0, output_config={"format": {"type": "json_schema", "schema": schema}})])

    error = results["ticket-0"].error.error
    assert error.type == "invalid_request_error"
    assert why in error.message


async def test_a_model_that_thinks_by_default_thinks_first_unless_told_not_to(bench: Bench) -> None:
    results = await bench.run(
        [
            item(0, model="claude-haiku-5-5", max_tokens=2000),
            item(1, model="claude-haiku-5-5", max_tokens=2000, thinking={"type": "disabled"}),
            item(2, model="claude-haiku-5-5", max_tokens=4),
            item(3, model="claude-haiku-4-5"),
        ]
    )
    kinds = {name: [block.type for block in result.message.content] for name, result in results.items()}
    assert kinds == {
        "ticket-0": ["thinking", "text"],
        "ticket-1": ["text"],
        "ticket-2": ["thinking"],
        "ticket-3": ["text"],
    }
    assert results["ticket-2"].message.stop_reason == "max_tokens"


@pytest.mark.parametrize(
    ("ticket", "category"),
    [
        ("Why isn't my card working?", "card"),
        ("I want to cancel a transfer right away! Can you help?", "transfer"),
        ("Are the top-ups limited?", "top-up"),
        ("Why are you charging me a fee?", "fees"),
        ("I withdrew cash from the machine and it is still pending", "cash"),
        ("My passcode doesn't seem to be working", "account"),
        ("Do you like Mondays?", "other"),
        ("", "other"),
    ],
)
def test_bank_tickets_are_sorted_sensibly(ticket: str, category: str) -> None:
    assert Classifier(read_categories(BANK)).choose(ticket).name == category


def test_categories_are_the_longest_list_with_their_aliases_and_examples() -> None:
    billing, *others = read_categories(SYSTEM)
    assert (billing.name, billing.aliases) == ("billing", ("payment", "invoice"))
    assert "I was charged twice" in billing.examples
    assert [category.name for category in others] == ["technical", "account", "other"]
    assert read_categories(BANK)[0].name == "card"


def test_equal_overlap_goes_to_the_first_and_none_to_the_last_without_other() -> None:
    categories = read_categories("- red: apple\n- green: apple\n- blue: sky\n")
    assert Classifier(categories).choose("an apple").name == "red"
    assert Classifier(categories).choose("a stone").name == "blue"


def test_the_process_says_when_it_is_ready_and_stops_on_a_signal_without_a_trace(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from nightsort.simulator import SimulatorOptions, run;"
        "run(SimulatorOptions(spool_dir=pathlib.Path(sys.argv[1])), '127.0.0.1', 0, lambda url: print(url, flush=True))"
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("http://127.0.0.1:")
            process.send_signal(number)
            assert process.wait(timeout=5) == 0
        assert not list(tmp_path.iterdir())


async def test_a_large_batch_is_answered_whole(start: Start) -> None:
    bench = await start(seconds=0)
    batch = await bench.create(items(20_000))
    ended = await bench.end_of(batch.id)
    assert ended.request_counts.succeeded == 20_000
    assert bench.simulator.bill().paid == 20_000
