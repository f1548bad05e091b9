"""`python -m benchmarks.costs`: what runs cost by the simulator's own bill, into docs/costs.md and costs.json here.

Each run is bought on the wire: by Nightsort, and by the script of many an article (benchmarks/naive.py). The bill is
the simulator's, which counts every request that it has answered and knows nothing of our status; where the status says
anything else, the measurement ends with an error. `--sizes 3000` measures less; sizes that were not measured are scaled
from the largest that was, and marked as such.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.page import replace, table
from benchmarks.tickets import fill_sqlite
from tests.cluster.controlplane.plane import TOP
from tests.support.banking77 import categories, pool
from tests.support.processes import Server

RESULTS, PAGE = TOP / "benchmarks" / "costs.json", TOP / "docs" / "costs.md"
SIZES = (3_000, 100_000)
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5")
NINE = ("billing", "refund", "technical", "account", "login", "delivery", "cancellation", "feedback", "other")
CATEGORIES = {"9": NINE, "77": categories()}
WITH_EXAMPLES = "77, two examples each"
"""The prompt of 77 categories as its users have it; the script has none like it."""
EXAMPLES = 2
NEITHER, BOTH = "Nightsort, with neither", "Nightsort, with both"
UNCACHED = {"prompt": {"caching": "Off"}}
VARIANTS: dict[str, dict[str, Any]] = {
    NEITHER: UNCACHED,
    "Nightsort, prompt cached": {},
    "Nightsort, same text once": {**UNCACHED, "dedupe": "Exact"},
    BOTH: {"dedupe": "Exact"},
}
"""Further fields of the spec, by what they switch on; a field that saves money gets its line here and in the page."""
REPEATED = 0.1
"""The share of tickets with the text of an earlier one: automatic mails and those that were sent twice. Made up."""
SCRIPT = "the article's script"


@dataclass(frozen=True)
class Cost:
    """A run's bill: tokens are counts, `usd` is a decimal string, `answered` counts tickets with a category.

    `scaled` tells arithmetic from measurement.
    """

    buyer: str
    tickets: int
    categories: str
    model: str
    usd: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    answered: int
    scaled: bool = False

    def at(self, tickets: int) -> Cost:
        """The same for another number of tickets, in proportion."""
        return Cost(
            self.buyer,
            tickets,
            self.categories,
            self.model,
            str(Decimal(self.usd) * tickets / self.tickets),
            self.input_tokens * tickets // self.tickets,
            self.output_tokens * tickets // self.tickets,
            self.cached_tokens * tickets // self.tickets,
            self.answered * tickets // self.tickets,
            scaled=True,
        )


@contextmanager
def simulator(folder: Path) -> Iterator[str]:
    """The URL of a simulated API that reads every request, so that its bill is that of the real prompts."""
    command = [sys.executable, "-m", "nightsort", "simulate", "--port", "0", "--seconds", "0.2"]
    server = Server.start(command, folder / "simulator.log")
    try:
        server.wait_until(lambda: "simulating" in server.tail())
        yield server.tail().split()[-1]
    finally:
        server.stop()


def run(module: str, environment: dict[str, str]) -> dict[str, Any]:
    """The last line that a buyer's own process has printed."""
    ended = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}"],
        env={**os.environ, **environment}, cwd=TOP, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


def bill_of(api: str) -> dict[str, Any]:
    """The simulator's bill so far, which then begins anew."""
    with urllib.request.urlopen(f"{api}/_simulator/bill") as answer:
        bill: dict[str, Any] = json.load(answer)
    urllib.request.urlopen(urllib.request.Request(f"{api}/_simulator/reset", method="POST")).close()
    return bill


def spec_of(prompt: str, extra: dict[str, Any]) -> dict[str, Any]:
    """Further fields of the spec; the pool's first tickets of a category are its examples."""
    if prompt != WITH_EXAMPLES:
        return extra
    examples = {name: [text for text, category in pool() if category == name][:EXAMPLES] for name in categories()}
    return {**extra, "categories": [{"name": name, "examples": texts} for name, texts in examples.items()]}


def measured(api: str, folder: Path, buyer: str, tickets: int, prompt: str, model: str, extra: dict[str, Any]) -> Cost:
    """
    Raises:
        SystemExit: the status tells another amount than the bill.
    """
    file, state = folder / "run.db", folder / "state"
    shutil.copy(folder / f"{tickets}.db", file)
    shutil.rmtree(state, ignore_errors=True)
    environment = {
        "BENCH_API": api, "BENCH_FILE": str(file), "BENCH_URL": f"sqlite:///{file}", "BENCH_STATE": str(state),
        "BENCH_MODEL": model, "BENCH_CATEGORIES": ",".join(CATEGORIES.get(prompt, ())),
        "BENCH_SPEC": json.dumps(spec_of(prompt, extra)),
    }  # fmt: skip
    told = run("naive" if buyer == SCRIPT else "local", environment)
    bill = bill_of(api)
    said = told.get("usd")
    if said is not None and Decimal(said) != Decimal(str(bill["usd"])).quantize(Decimal(said)):
        raise SystemExit(f"the status says ${said}, the bill ${bill['usd']}")
    kinds = ("input_tokens", "cache_write_tokens", "cache_read_tokens", "output_tokens")
    plain, cache_written, cached, written = (sum(batch[kind] for batch in bill["batches"]) for kind in kinds)
    read = plain + cache_written + cached
    return Cost(buyer, tickets, prompt, model, str(bill["usd"]), read, written, cached, told["tickets"])


def costs(api: str, folder: Path, sizes: list[int]) -> Iterator[Cost]:
    for tickets in sizes:
        fill_sqlite(folder / f"{tickets}.db", tickets, repeated=REPEATED)
        for prompt in (*CATEGORIES, WITH_EXAMPLES):
            for model in MODELS:
                if prompt in CATEGORIES:
                    yield measured(api, folder, SCRIPT, tickets, prompt, model, {})
                for name, extra in VARIANTS.items():
                    yield measured(api, folder, name, tickets, prompt, model, extra)


def with_scaled(found: list[Cost]) -> list[Cost]:
    """The measured costs, and those of the sizes that were not measured, from the largest that was."""
    largest = max(one.tickets for one in found)
    there = {one.tickets for one in found}
    return found + [
        one.at(size) for size in SIZES if size not in there for one in found if one.tickets == largest
    ]  # fmt: skip


def rendered(found: list[Cost]) -> str:
    """A row for each number of tickets, prompt and model; the buyers side by side."""
    nights: dict[tuple[int, str, str], dict[str, Cost]] = {}
    for one in found:
        nights.setdefault((one.tickets, one.categories, one.model), {})[one.buyer] = one
    buyers = [SCRIPT, *VARIANTS]
    rows = [
        [f"{tickets:,}", prompt, model, *(amount(bought[buyer]) if buyer in bought else "" for buyer in buyers)]
        for (tickets, prompt, model), bought in nights.items()
    ]
    return table(["tickets", "categories", "model", *buyers], rows)


def amount(one: Cost) -> str:
    """The bill, and the share of the tickets that got a category where that is not all of them."""
    labeled = f" ({one.answered / one.tickets:.0%} labeled)" if one.answered < one.tickets else ""
    return f"{'about ' if one.scaled else ''}${Decimal(one.usd):.4f}{labeled}"


def tokens(found: list[Cost]) -> str:
    """What the requests of the measured runs had, by prompt: the same for both models but for the cache."""
    measured = [one for one in found if not one.scaled and one.buyer != SCRIPT]
    rows = [
        [
            one.categories,
            one.model,
            one.buyer,
            f"{one.input_tokens / one.tickets:,.0f}",
            f"{one.cached_tokens / one.input_tokens:.0%}",
            f"{one.output_tokens / one.tickets:,.1f}",
        ]
        for one in measured
        if one.tickets == min(each.tickets for each in measured) and one.buyer in (NEITHER, BOTH)
    ]
    return table(["categories", "model", "bought by", "tokens read, each ticket", "of these cached", "written"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.costs", description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of tickets that are measured")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    with tempfile.TemporaryDirectory(prefix="nightsort-costs-") as temporary, simulator(Path(temporary)) as api:
        found = []
        for one in costs(api, Path(temporary), sizes):
            print(one, flush=True)
            found.append(one)
    RESULTS.write_text(json.dumps([asdict(one) for one in with_scaled(found)], indent=1) + "\n")
    write()


def write() -> None:
    """The page's table from benchmarks/costs.json."""
    found = [Cost(**one) for one in json.loads(RESULTS.read_text())]
    replace(PAGE, "costs", rendered(found))
    replace(PAGE, "tokens", tokens(found))


if __name__ == "__main__":
    main()
