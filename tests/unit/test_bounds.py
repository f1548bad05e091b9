"""The table of bounds in docs/security.md is what the code has, row by row, and no bound of the code is left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import nightsort
from nightsort.adapters.anthropic import bounded_client, client, errors, results, wire
from nightsort.adapters.config_map import sink as config_map_sink
from nightsort.adapters.config_map import source as config_map_source
from nightsort.adapters.config_map import stored_rows
from nightsort.adapters.kubernetes import client as kubernetes_client
from nightsort.adapters.kubernetes import id_parts
from nightsort.adapters.kubernetes import secrets as kubernetes_secrets
from nightsort.adapters.local import secrets
from nightsort.adapters.object_store import cursor, source, store
from nightsort.adapters.object_store import errors as store_errors
from nightsort.adapters.sql import causes, lines, nested_texts, pages, session, snapshot, staging, tables
from nightsort.adapters.sql import rows as sql_rows
from nightsort.cli import yaml_documents
from nightsort.cli.cluster import tickets as files_of_the_command_line
from nightsort.domain import label, markup
from nightsort.flow.tickets import examples
from nightsort.formats import (
    bounded_json,
    compression,
    corrections,
    record_copies,
    rows,
    ticket_files,
    ticket_list,
    tickets,
)
from nightsort.formats.table import LIMITS
from nightsort.system import files, hosts

PACKAGE = Path(nightsort.__file__).parent
PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)


def mebibytes(count: int) -> str:
    assert count % (1 << 20) == 0
    return f"{count >> 20} MiB"


BOUNDS: Mapping[str, str] = {
    "a ticket of a CSV file or a JSON line, and a line": f"{tickets.MOST_LINE_CHARS:,} characters",
    "the lines of a CSV ticket": f"{tickets.MOST_TICKET_LINES:,}",
    "the columns of a CSV file": f"{tickets.MOST_COLUMNS:,}",
    "empty lines, more of them than of tickets": f"{tickets.MOST_EMPTY_LINES:,}",
    "a JSON list of tickets": f"{tickets.MOST_JSON_CHARS:,} characters",
    "values in a JSON ticket or list": f"{bounded_json.MOST_VALUES:,}",
    "lists and objects within each other": f"{bounded_json.MOST_DEPTH} levels",
    "the id of a ticket": f"{ticket_list.MOST_ID_CHARS} characters",
    "the tickets of objects": f"{source.MOST_TICKETS:,}",
    "the objects of a source": f"{source.MOST_OBJECTS:,}",
    "the objects of a folder that are listed": f"{store.MOST_LISTED:,}",
    "the words of an object store's error": f"{store_errors.MOST_SAID_CHARS:,} characters",
    "the name of an object": f"a cursor of {cursor.MOST_CURSOR_CHARS:,} characters",
    "an archive (.gz, .zst), by what it unpacks to at once": (
        f"{compression.ZSTD_INPUT_BYTES} bytes of zstd, which become at most 8 MiB"
    ),
    "the memory that an archive demands": mebibytes(compression.LARGEST_WINDOW),
    "an answer of the Batches API but results, unpacked": (
        f"{mebibytes(bounded_client.MOST_ANSWER_BYTES)}, {bounded_client.MOST_ANSWER_SECONDS:.0f} s"
    ),
    "the body of an error of the Batches API": mebibytes(bounded_client.MOST_ERROR_BYTES),
    "the words of such an error": f"{errors.MOST_SAID_CHARS:,} characters",
    "the words of an item's error": f"{wire.MOST_MESSAGE_CHARS} characters",
    "commas in a page of the API's list": f"{wire.MOST_COMMAS:,}",
    "pages of the API's list": f"{client.MOST_PAGES} of {client.PAGE:,} batches",
    "a line of results": mebibytes(results.MOST_LINE_BYTES),
    "results that come slowly": (
        f"{results.LEAST_BYTES_PER_SECOND} bytes a second, after {results.SLOW_SECONDS:.0f} s"
    ),
    "the text of an answer": f"{wire.MOST_TEXT_CHARS:,} characters",
    "tokens that an answer tells": f"{wire.MOST_TOKENS:,}",
    "forms around an answer's category": f"{label.MOST_LAYERS} layers, {label.MOST_CHARS:,} characters",
    "HTML in a ticket": f"{markup.MOST_HTML_CHARS:,} characters",
    "the addresses of a host's name": f"{hosts.MOST_ADDRESSES}",
    "the operator's key in a file": f"{secrets.MOST_BYTES:,} bytes",
    "a manifest file": mebibytes(yaml_documents.MOST_BYTES),
    "a manifest with its aliases written out": (
        f"{yaml_documents.MOST_WEIGHT:,} characters, a node counting for {yaml_documents.NODE_WEIGHT}"
    ),
    "lists and fields of a manifest within each other": f"{yaml_documents.MOST_DEPTH} levels",
    "a number or a date of a manifest": f"{yaml_documents.MOST_NUMBER_CHARS} characters",
    "a file of tickets on the command line": mebibytes(files_of_the_command_line.MOST_BYTES),
    "a spreadsheet of `nightsort classify`": (
        f"{mebibytes(LIMITS.sheet_bytes)}, {mebibytes(LIMITS.unpacked_sheet_bytes)} unpacked"
    ),
    "a sheet of a spreadsheet": f"{LIMITS.cells:,} cells",
    "a Parquet file of `nightsort classify`": mebibytes(LIMITS.parquet_bytes),
    "a JSON list of `nightsort classify`": f"{LIMITS.json_chars:,} characters",
    "a spreadsheet that a resource names": (
        f"{mebibytes(ticket_files.LIMITS.sheet_bytes)}, "
        f"{mebibytes(ticket_files.LIMITS.unpacked_sheet_bytes)} unpacked, "
        f"{ticket_files.LIMITS.cells:,} cells in its sheet"
    ),
    "a Parquet file that a resource names": mebibytes(ticket_files.LIMITS.parquet_bytes),
    "the tickets of a ConfigMap, unpacked": f"{config_map_source.MOST_CHARS:,} characters",
    "a line of rows that are read back": f"{rows.MOST_RECORD_CHARS:,} characters",
    "the parts that an index of rows names": f"{stored_rows.MOST_PARTS}",
    "the copy of a run's record, unpacked": mebibytes(record_copies.MOST_COPY_BYTES),
    "the long ids of a shard, unpacked": (
        f"{mebibytes(record_copies.MOST_IDS_BYTES)}, {record_copies.MOST_QUOTES:,} quotes, "
        f"{id_parts.MAX_PARTS} ConfigMaps"
    ),
    "corrections of one place": (
        f"{corrections.MOST_CORRECTIONS:,}, each of {corrections.MOST_LINE_CHARS:,} characters"
    ),
    "a file of local mode's state": mebibytes(files.MOST_FILE_BYTES),
    "a value of a Secret": f"{kubernetes_secrets.MOST_VALUE_CHARS:,} characters in base64",
    "the body of an error of the API server": f"{kubernetes_client.MOST_BODY_CHARS:,} characters",
    "the ConfigMaps of a run's results": f"{config_map_sink.MOST_PARTS}",
    "a SQL server's leave to come in: connect, TLS, greeting, login and the driver's first questions, of all addresses "
    "together": f"{lines.CONNECT_SECONDS} s",
    "what a SQL server sends until it has let us in": mebibytes(sql_rows.ANSWER_BYTES),
    "the rows of a SQL server's answer": (
        f"as many as the statement's LIMIT; of a catalogue {tables.MOST_CATALOGUE_ROWS:,}; "
        f"of ids that were staged twice as many and {staging.SPARE_ROWS:,}"
    ),
    "the bytes of a SQL server's answer, of one row as of all": mebibytes(sql_rows.ANSWER_BYTES),
    "a page of tickets of a SQL database": (
        f"{pages.QUICK_BYTES:,} bytes; beyond them the database measures the tickets and ends a page at "
        f"{pages.PAGE_BYTES:,}"
    ),
    "a ticket of a SQL database": mebibytes(pages.MOST_TICKET_BYTES),
    "the labelled tickets of a pool of examples": (
        f"{examples.MOST_EXAMPLES:,}, with {examples.MOST_EXAMPLE_CHARS:,} characters"
    ),
    "the ids of a query that are kept": f"{snapshot.MOST_KEPT_IDS:,} of {snapshot.MOST_KEPT_CHARS:,} characters",
    "JSON, a list or a record of a PostgreSQL column": (
        f"{mebibytes(nested_texts.MOST_PARSED_BYTES)}, and as deep as Python follows"
    ),
    "the words of a SQL server's error": (
        f"{causes.MOST_WORDS_CHARS:,} characters, of which {causes.MESSAGE_CHARS} are shown"
    ),
    "a SQL server's answer to a statement, to its last byte": (
        f"{lines.SILENCE_SECONDS} s, and {session.READ_SECONDS} s by the server's own clock"
    ),
}
OF_OUR_OWN = {
    "MOST_HEADER_CHARS",  # of a line that was read already
    "MOST_WORD_CHARS",  # of what is shown
    "MOST_NAME_CHARS",
    "MOST_REPORT_CHARS",  # of a name
    "MOST_CAUSES",
    "MOST_CONTROL",  # a share
    "MOST_PATH_CHARS",
    "MOST_NUMBER",
    "MOST_KEPT",  # numbers, and facts of models
    "MOST_PRIMES",  # of our own batches
    "MOST_NUMBERS",  # that are asked for
    "MOST_RETRY_AFTER",
    "MOST_FIELDS",  # that a message names
    "MOST_ENDED",  # of our own resources that are compared
    "MOST_LINES_BELOW",  # that are looked at
    "MOST_ROWS",  # that are looked at
    "MOST_SHARE",
    "MOST_ZEROS",
    "MOST_CHAR_BYTES",  # of UTF-8
    "MOST_FOUND",
    "MOST_WORDS",  # that are looked for
    "MOST_REMEMBERED_BYTES",  # of what we have written ourselves
}
"""Constants that bound what is said or asked, not what comes in."""


def constants() -> Iterator[str]:
    """The names of bounds in the rooms that bytes come into; those of SQL are told by their own rows."""
    for room in ("formats", "adapters", "system"):
        for path in (PACKAGE / room).rglob("*.py"):
            if "sql" in path.parts:
                continue
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    yield node.targets[0].id


def told() -> dict[str, str]:
    section = PAGE.read_text().split("\n## Bounds\n")[1].split("\n## ")[0]
    _, _, *rows = [line for line in section.splitlines() if line.startswith("|")]
    found = [ROW.fullmatch(row) for row in rows]
    assert None not in found, "each row has four cells"
    return {row[1]: row[2] for row in found if row}


def test_every_bound_is_told_as_the_code_has_it() -> None:
    assert told() == BOUNDS


def test_no_bound_of_the_code_is_left_out_of_the_table() -> None:
    used = set(re.findall(r"\b\w+\.((?:MOST|LARGEST)_\w+)", Path(__file__).read_text()))
    bounds = {name for name in constants() if name.startswith(("MOST_", "LARGEST_"))}

    assert bounds - used - OF_OUR_OWN == set()


def test_what_is_unpacked_at_once_is_as_much_as_is_told() -> None:
    """A block of zstd is four bytes for 128 KiB, at its worst."""
    assert compression.ZSTD_INPUT_BYTES // 4 * 128 * 1024 == 8 << 20
