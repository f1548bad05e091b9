"""Memory does not grow with the number of tickets, whatever is done with a file."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from nightsort.formats.columns import find_columns
from nightsort.formats.exports import survey, tickets_of
from nightsort.formats.labeled import write_labeled
from nightsort.formats.opening import open_table

FEW, MANY = 2_000, 12_000
BODY = "x" * 400
DIGEST_BYTES = 16
ROOM = 300_000
"""For what a run happens to hold; the bodies of the further tickets alone are 4 MB."""

LINES: dict[str, Callable[[int], str]] = {
    "t.csv": lambda number: f'{number},"a\n{BODY}"\n',
    "t.jsonl": lambda number: json.dumps({"id": number, "text": BODY}) + "\n",
}


def peak(path: Path, lines: Callable[[int], str], tickets: int) -> int:
    with path.open("w") as file:
        file.write("id,text\n" if path.suffix == ".csv" else "")
        file.writelines(map(lines, range(tickets)))
    gc.collect()
    tracemalloc.start()
    try:
        table = open_table(path)
        columns = find_columns(table.header)
        assert survey(table, columns).tickets == tickets
        assert sum(1 for _ in tickets_of(table, columns)) == tickets
        write_labeled(table, columns, lambda _: ("billing", "Labeled", ""), path.with_name(f"out-{path.name}"))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", LINES)
def test_six_times_as_many_tickets_take_no_more_memory_but_for_their_ids(tmp_path: Path, name: str) -> None:
    peak(tmp_path / name, LINES[name], 10)  # what is made once
    few, many = (peak(tmp_path / name, LINES[name], tickets) for tickets in (FEW, MANY))

    assert many - few < 4 * DIGEST_BYTES * (MANY - FEW) + ROOM
