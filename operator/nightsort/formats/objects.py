"""JSON as a table: one object a line, or a list of them; objects within a ticket give columns such as `fields.summary`.

What is written back is the text that was read, with further members at the end of each object: numbers stay as they are
spelled, and the list of an API's answer stays where it is in that answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from nightsort.formats.charsets import Charset
from nightsort.formats.delimited import opened_text
from nightsort.formats.json_ids import Written
from nightsort.formats.kinds import Kind
from nightsort.formats.table import Row, Values
from nightsort.formats.tickets import MOST_COLUMNS, InvalidFile, Lines
from nightsort.formats.unchanged import UnchangedFile
from nightsort.formats.unusable import UnusableFile

MOST_JSON_CHARS = 64 * 1024 * 1024
"""A JSON list is read as a whole."""
SAMPLE_CHARS = 1 << 20
DEEPEST = 4
"""Objects in objects that still give columns of their own."""
SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder(parse_float=Written, parse_int=Written, parse_constant=Written)
TOO_DEEP = "JSON that is nested too deeply"
NO_OBJECT = "expected a JSON object, a ticket such as {...}"


class Broken(ValueError):
    """No valid JSON: the message says what, `at` the character."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One object a line."""

    file: UnchangedFile
    charset: Charset
    header: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kind: Kind = Kind.JSONL
    unit: str = "line"

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def digest(self) -> str | None:
        return self.file.digest

    @property
    def encoding(self) -> tuple[str, bytes]:
        return self.charset.codec, self.charset.mark

    def records(self) -> Iterator[Row]:
        for number, line in self._lines():
            if line.strip():
                yield Row(number, cells_of(self.fields(number, line), self.header), line)

    def fields(self, number: int, line: str) -> dict[str, str]:
        try:
            item, end = decoded(line, SPACE.match(line).end())  # type: ignore[union-attr]
            if line[end:].strip():
                raise Broken("more than one value in a line: write one object a line", end)
            return fields_of(item)
        except Broken as error:
            raise UnusableFile(self.path, f"{error}, at column {error.at + 1:,}", f"line {number:,}") from None

    def names(self) -> Iterator[str]:
        for number, line in self._lines():
            if line.strip():
                yield from self.fields(number, line)

    def with_columns(self, names: Sequence[str], values: Values) -> Iterator[str]:
        for number, line in self._lines():
            if not line.strip():
                yield line
                continue
            row = Row(number, cells_of(self.fields(number, line), self.header), line)
            yield extended(line, names, values(row))

    def _lines(self) -> Iterator[tuple[int, str]]:
        with opened_text(self.file, self.charset, newline="\n") as text, bounded(self.path, text) as lines:
            for number, line in enumerate(lines, 1):
                lines.let_go()
                if line.strip():
                    lines.is_ticket()
                else:
                    lines.is_empty(len(line))
                yield number, line


@dataclass(frozen=True, slots=True)
class JsonList:
    """A list of objects: the whole document, or the one list of objects in it."""

    file: UnchangedFile
    charset: Charset
    header: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kind: Kind = Kind.JSON
    unit: str = "entry"

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def digest(self) -> str | None:
        return self.file.digest

    @property
    def encoding(self) -> tuple[str, bytes]:
        return self.charset.codec, self.charset.mark

    def records(self) -> Iterator[Row]:
        text = self._text()
        for number, item, start, end in self._items(text):
            yield Row(number, cells_of(item, self.header), text[start:end])

    def names(self) -> Iterator[str]:
        for _, item, _, _ in self._items(self._text()):
            yield from item

    def list_name(self) -> str | None:
        """The member of the document that is the list; None where the document is."""
        return self._found_list(self._text())[0]

    def with_columns(self, names: Sequence[str], values: Values) -> Iterator[str]:
        text, behind = self._text(), 0
        for number, item, start, end in self._items(text):
            yield text[behind:start]
            raw = text[start:end]
            yield extended(raw, names, values(Row(number, cells_of(item, self.header), raw)))
            behind = end
        yield text[behind:]

    def _text(self) -> str:
        with opened_text(self.file, self.charset, newline="") as file:
            text = file.read(MOST_JSON_CHARS + 1)
        if len(text) > MOST_JSON_CHARS:
            raise UnusableFile(
                self.path,
                f"a JSON list of more than {MOST_JSON_CHARS:,} characters: write JSON lines, one object a line",
            )
        return text

    def _items(self, text: str) -> Iterator[tuple[int, dict[str, str], int, int]]:
        """Number, fields, start and end of each object of the list."""
        try:
            member, at = self._found_list(text)
            for number, (item, start, end) in enumerate(items_of(text, at, member is None), 1):
                try:
                    fields = fields_of(item)
                except Broken as error:
                    raise UnusableFile(self.path, str(error), f"entry {number:,}") from None
                yield number, fields, start, end
        except Broken as error:
            raise self._broken(text, error) from None

    def _found_list(self, text: str) -> tuple[str | None, int]:
        try:
            return list_in(text)
        except Broken as error:
            raise self._broken(text, error) from None

    def _broken(self, text: str, error: Broken) -> UnusableFile:
        line = text.count("\n", 0, error.at) + 1
        column = error.at - text.rfind("\n", 0, error.at)
        return UnusableFile(self.path, f"{error}, at column {column:,}", f"line {line:,}")


def open_json(file: UnchangedFile, kind: Kind, charset: Charset) -> JsonLines | JsonList:
    """Reads the file once for the names of its columns; its beginning says whether it is lines or a list.

    Many exports give the one the other's ending.

    Raises:
        UnusableFile: it has no objects, or is not of its kind.
    """
    with opened_text(file, charset, newline="") as text:
        found = kind_of(text.read(SAMPLE_CHARS)) or kind
    notes = [charset.note] if charset.note else []
    if found is not kind:
        notes.append("read as JSON lines" if found is Kind.JSONL else "read as a JSON list")
    if found is Kind.JSONL:
        lines = JsonLines(file, charset, notes=tuple(notes))
        return replace(lines, header=names_of(file.path, lines.names()))
    table = JsonList(file, charset)
    if (member := table.list_name()) is not None:
        notes.append(f"the tickets are the list {member!r} of the document")
    return replace(table, header=names_of(file.path, table.names()), notes=tuple(notes))


def kind_of(beginning: str) -> Kind | None:
    """What a file that begins so is beyond doubt: two objects are lines, an opening bracket is a list."""
    start = behind_space(beginning, 0)
    if beginning.startswith("[", start):
        return Kind.JSON
    try:
        _, end = decoded(beginning, start)
    except Broken:
        return None
    return Kind.JSONL if beginning.startswith("{", behind_space(beginning, end)) else None


@contextmanager
def bounded(path: Path, text: TextIO) -> Iterator[Lines]:
    try:
        yield Lines(text)
    except UnusableFile:
        raise
    except InvalidFile as error:
        raise UnusableFile(path, str(error)) from None


def names_of(path: Path, found: Iterator[str]) -> tuple[str, ...]:
    names = dict.fromkeys(found)
    if not names:
        raise UnusableFile(path, "there are no tickets in it: it needs objects with names and values, such as {...}")
    if len(names) > MOST_COLUMNS:
        raise UnusableFile(path, f"more than {MOST_COLUMNS:,} different names: is this a list of tickets?")
    return tuple(names)


def cells_of(fields: dict[str, str], header: Sequence[str]) -> tuple[str, ...]:
    return tuple(fields.get(name, "") for name in header)


def decoded(text: str, at: int) -> tuple[Any, int]:
    """The value that begins there, and where it ends."""
    try:
        return DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise Broken(f"no valid JSON ({error.msg})", error.pos) from None
    except RecursionError:
        raise Broken(TOO_DEEP, at) from None


def list_in(text: str) -> tuple[str | None, int]:
    """The member that is the list of tickets, None for the document itself, and where the list begins."""
    start = behind_space(text, 0)
    if text.startswith("[", start):
        return None, start
    if not text.startswith("{", start):
        raise Broken("expected a JSON list of tickets: [{...}, {...}]", start)
    found = [(name, at) for name, at, value in members_of(text, start) if is_list_of_objects(value)]
    if len(found) != 1:
        what = f"{len(found)} of them" if found else "none"
        raise Broken(
            f"expected a JSON list of tickets, [{{...}}, {{...}}], or an object with one; this has {what}", start
        )
    return found[0]


def is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def members_of(text: str, at: int) -> Iterator[tuple[str, int, Any]]:
    """The document's members: name, where the value begins, value."""
    at = behind_space(text, at + 1)
    while not text.startswith("}", at):
        name, at = decoded(text, at)
        at = behind_space(text, at)
        if not isinstance(name, str) or not text.startswith(":", at):
            raise Broken("no valid JSON (a name and a colon are expected)", at)
        start = behind_space(text, at + 1)
        value, at = decoded(text, start)
        yield name, start, value
        at = behind_comma(text, at, "}")
    refuse_more(text, at + 1)


def items_of(text: str, at: int, is_document: bool) -> Iterator[tuple[Any, int, int]]:
    """The list's values, and where each begins and ends."""
    at = behind_space(text, at + 1)
    while not text.startswith("]", at):
        value, end = decoded(text, at)
        yield value, at, end
        at = behind_comma(text, end, "]")
    if is_document:
        refuse_more(text, at + 1)


def behind_comma(text: str, at: int, closing: str) -> int:
    """Where the next value begins, or the closing bracket stands."""
    at = behind_space(text, at)
    if text.startswith(closing, at):
        return at
    if not text.startswith(",", at):
        raise Broken(f"no valid JSON (a comma or {closing} is expected)", at)
    at = behind_space(text, at + 1)
    if text.startswith(closing, at):
        raise Broken("no valid JSON (a comma and nothing behind it)", at)
    return at


def refuse_more(text: str, at: int) -> None:
    if (at := behind_space(text, at)) < len(text):
        raise Broken("more text behind the end of the document: were two files put one behind the other?", at)


def behind_space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def fields_of(item: Any) -> dict[str, str]:
    """An object's values as text, those of objects in it under names such as `fields.summary`."""
    if not isinstance(item, dict):
        raise Broken(NO_OBJECT, 0)
    found: dict[str, str] = {}
    try:
        flatten(item, "", 1, found)
    except RecursionError:
        raise Broken(TOO_DEEP, 0) from None
    return found


def flatten(item: dict[str, Any], before: str, depth: int, found: dict[str, str]) -> None:
    for name, value in item.items():
        if isinstance(value, dict) and value and depth < DEEPEST:
            flatten(value, f"{before}{name}.", depth + 1, found)
        else:
            found[whole(before + name)] = whole(as_text(value))


def as_text(value: Any) -> str:
    """Text as it is, null as nothing, and all else as JSON."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return as_json(value)


def as_json(value: Any) -> str:
    match value:
        case Written():
            return value
        case dict():
            return "{" + ", ".join(f"{json.dumps(name)}: {as_json(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(as_json, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def whole(text: str) -> str:
    """Half characters, which JSON can spell and no file hold, are replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def extended(raw: str, names: Sequence[str], values: Sequence[str | None]) -> str:
    """An object's text with further members at its end; whatever stands around it stays."""
    end = raw.rindex("}")
    inside = raw[:end].rstrip()
    added = ", ".join(
        f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in zip(names, values, strict=True)
    )
    comma = "" if inside.endswith("{") and inside.strip() == "{" else ", "
    return f"{inside}{comma}{added}{raw[len(inside) :]}"
