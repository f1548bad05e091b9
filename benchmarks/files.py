"""A file of tickets beside a table of the same: `nightsort classify` of a CSV file, and `nightsort local` over SQLite.

Both are whole processes, with imports. Prints what each has taken and the ratio, as JSON.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.tickets import CATEGORIES, database_resource, fill_sqlite, tickets

Figures = dict[str, Any]


def write_csv(path: Path, count: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "subject", "body"))
        writer.writerows(tickets(count))


def write_categories(path: Path) -> None:
    described = [{"name": name, "description": text} for name, text in CATEGORIES.items()]
    path.write_text(yaml.safe_dump(described), encoding="utf-8")


def write_manifest(path: Path, database: Path) -> None:
    resource = database_resource()
    resource["metadata"].pop("uid")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bench", "namespace": "bench"}}
    path.write_text(
        yaml.safe_dump_all([resource, {**secret, "stringData": {"url": f"sqlite:///{database}"}}]), encoding="utf-8"
    )


def contenders(folder: Path, api: str, count: int, run: Callable[..., Figures]) -> dict[str, Callable[[], Figures]]:
    """The command over a file, and that over a table, each from the same untouched tickets."""
    untouched, used, state = folder / f"{count}.db", folder / "used.db", folder / "state"
    fill_sqlite(untouched, count)
    write_csv(folder / "tickets.csv", count)
    write_categories(folder / "categories.yaml")
    write_manifest(folder / "tickets.yaml", used)

    def of_a_table() -> Figures:
        shutil.copy(untouched, used)
        shutil.rmtree(state, ignore_errors=True)
        manifest = str(folder / "tickets.yaml")
        return run("command", "local", manifest, "--api-url", api, "--state", str(state), ANTHROPIC_API_KEY="bench")

    def of_a_file() -> Figures:
        shutil.rmtree(state, ignore_errors=True)
        (folder / "tickets.labeled.csv").unlink(missing_ok=True)
        file, categories = str(folder / "tickets.csv"), str(folder / "categories.yaml")
        arguments = ("classify", file, "--categories-file", categories, "--model", "claude-haiku-4-5", "--yes")
        return run("command", *arguments, "--api-url", api, "--state", str(state), ANTHROPIC_API_KEY="bench")

    return {"table": of_a_table, "file": of_a_file}


def main(counts: list[int], rounds: int) -> None:
    from benchmarks.__main__ import best, run, simulator

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="nightsort-bench-") as temporary, simulator(Path(temporary)) as api:
        for count in counts:
            folder = Path(temporary) / str(count)
            folder.mkdir()
            there = contenders(folder, api, count, run)
            measured: dict[str, list[Figures]] = {name: [] for name in there}
            for _ in range(rounds):
                for name, measure in there.items():
                    measured[name].append(measure())
            chosen = {name: best(each) for name, each in measured.items()}
            ratio = chosen["file"]["wall"] / chosen["table"]["wall"]
            found[str(count)] = {**chosen, "ratio": round(ratio, 2)}
    print(json.dumps(found))


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:-1]], int(sys.argv[-1]))
