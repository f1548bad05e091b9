"""A manifest file from somebody who means harm: one sentence with the place, in little memory and time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from nightsort.cli import yaml_documents
from nightsort.cli.manifests import InvalidManifest, read
from tests.support.manifests import manifest
from tests.support.memory import memory_below

LEVELS = range(1, 12)
MERGED = "".join(f"a{level}: &a{level}\n  <<: [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in LEVELS)
LISTED = "".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in LEVELS)
MOST_MEMORY = 100_000_000

BOMBS = {
    "a billion laughs": ("a0: &a0 [lol, lol]\n" + LISTED, "line ", "with all its aliases written out"),
    "a billion merged fields": ("a0: &a0 {lol: lol}\n" + MERGED, "with all its aliases written out"),
    "one long text a hundred times": (
        f"a: &a {'x' * 10_000}\nb: [{', '.join(['*a'] * 100)}]\n",
        "line 2, column",
        "with all its aliases written out",
    ),
    "more fields than anybody writes": ("- a\n" * 20_000, "it is too large"),
    "what contains itself": ("a: &a [*a]\n", "line 1, column 8", "an alias stands within what it stands for"),
    "two hundred brackets": ("a: " + "[" * 200 + "]" * 200, "nested more than 64 levels deep"),
    "ten thousand dashes": ("- " * 10_000 + "a", "nested more than 64 levels deep"),
    "a number to the base of 60": ("a: 1" + ":1" * 50_000, "line 1, column 4", "a number or a date that cannot be"),
    "a number of 5,000 digits": ("a: " + "9" * 5000, "a number or a date that cannot be"),
    "a month 13": ("a: 2026-13-01", "a number or a date that cannot be"),
    "a date that is none": ("a: !!timestamp x", "line 1, column 4", "a number or a date that cannot be"),
    "a number that is none": ('a: !!int ""', "a number or a date that cannot be"),
    "a truth that is none": ("a: !!bool x", "a number or a date that cannot be"),
    "a call of Python": ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
}


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller limit, so that what reaches it is quickly made."""
    monkeypatch.setattr(yaml_documents, "MOST_WEIGHT", 500_000)


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_yaml_bomb_is_refused_with_its_place_in_little_memory(tmp_path: Path, bomb: tuple[str, ...]) -> None:
    text, *words = bomb
    path = tmp_path / "tickets.yaml"
    path.write_text(text)

    with memory_below(MOST_MEMORY), pytest.raises(InvalidManifest) as told:
        read(path)

    message = str(told.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_file_of_a_gigabyte_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tickets.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 30)

    with (
        memory_below(MOST_MEMORY),
        pytest.raises(InvalidManifest, match=r"larger than 8 MiB: keep tickets in a database"),
    ):
        read(path)


def test_a_file_without_an_end_is_refused() -> None:
    with memory_below(MOST_MEMORY), pytest.raises(InvalidManifest, match="larger than 8 MiB"):
        read(Path("/dev/zero"))


def test_aliases_that_save_somebody_work_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "tickets.yaml"
    text = yaml.safe_dump(manifest())
    path.write_text(
        text + "  categories: &ours [{name: billing}, {name: other}]\n---\n" + text.replace("name: tickets", "name: b")
    )
    shared = "a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: [*a, *a]\n"

    assert [resource.meta.name for resource in read(path).resources] == ["tickets", "b"]
    assert list(yaml_documents.load(shared)) == [{"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": [{"x": 1}, {"x": 1}]}]


def test_an_emoji_as_json_escapes_it_is_one_character(tmp_path: Path) -> None:
    """json.dumps writes it as two escapes, which YAML takes for two halves of a character."""
    path = tmp_path / "tickets.json"
    batch = manifest(source={"inline": {"tickets": [{"id": "🎟️", "body": "Charged twice 😡"}]}})
    kept = {"kind": "ConfigMap", "metadata": {"name": "given"}, "data": {"a.jsonl": '{"id": "1", "body": "😡 ö"}'}}
    path.write_text(json.dumps(batch) + "\n---\n" + json.dumps(kept))

    found = read(path)

    inline = found.resources[0].spec.source.inline
    assert inline is not None
    assert [(ticket.id, ticket.body) for ticket in inline.tickets] == [("🎟️", "Charged twice 😡")]
    assert found.config_maps[0]["data"] == kept["data"]


def test_half_a_character_is_replaced() -> None:
    [text] = yaml_documents.load('"a\\ud83d b\\ude21 \\ud83d\\ude21"')
    assert text == "a\ufffd b\ufffd 😡"
