"""Every deliberate defect, and the seed that shows it first.

`python -m tests.simulation.every_defect` looks for these seeds anew and writes them down, in a quarter of an hour.
A seed that does not show its defect any more costs time and nothing else: then all are looked through.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from tests.simulation.defect import Defect
from tests.simulation.defects import DEFECTS
from tests.simulation.defects_adopt import DEFECTS as OF_ADOPTING
from tests.simulation.defects_cache import DEFECTS as OF_THE_CACHE
from tests.simulation.defects_duplicates import DEFECTS as OF_DUPLICATES
from tests.simulation.defects_known import DEFECTS as OF_KNOWN_TICKETS
from tests.simulation.defects_labels import DEFECTS as OF_LABELS
from tests.simulation.defects_money import DEFECTS as OF_MONEY
from tests.simulation.defects_names import DEFECTS as OF_NAMES
from tests.simulation.defects_pools import DEFECTS as OF_POOLS
from tests.simulation.defects_queue import DEFECTS as OF_THE_QUEUE
from tests.simulation.defects_record import DEFECTS as OF_RECORDS
from tests.simulation.defects_reuse import DEFECTS as OF_REUSE
from tests.simulation.defects_review import DEFECTS as OF_REVIEWS
from tests.simulation.defects_send import DEFECTS as OF_SENDING
from tests.simulation.defects_sets import DEFECTS as OF_SETS
from tests.simulation.defects_sinks import DEFECTS as OF_SINKS
from tests.simulation.defects_sources import DEFECTS as OF_SOURCES
from tests.simulation.defects_waits import DEFECTS as OF_WAITS
from tests.simulation.defects_wire import DEFECTS as OF_THE_WIRE

SEEDS = range(400)
EVERY: Sequence[Defect] = (
    *DEFECTS,
    *OF_ADOPTING,
    *OF_MONEY,
    *OF_SENDING,
    *OF_LABELS,
    *OF_SINKS,
    *OF_SOURCES,
    *OF_THE_WIRE,
    *OF_RECORDS,
    *OF_NAMES,
    *OF_KNOWN_TICKETS,
    *OF_REUSE,
    *OF_DUPLICATES,
    *OF_POOLS,
    *OF_REVIEWS,
    *OF_WAITS,
    *OF_SETS,
    *OF_THE_CACHE,
    *OF_THE_QUEUE,
)
FILE = Path(__file__).with_name("seeds_of_defects.json")
FIRST: dict[str, int] = json.loads(FILE.read_text(encoding="utf-8"))


def likeliest_first(defect: Defect) -> Sequence[int]:
    return tuple(dict.fromkeys(chain((FIRST[defect.name],) if defect.name in FIRST else (), SEEDS)))


def main() -> None:
    logging.disable(logging.CRITICAL)
    found = {defect.name: next(seed for seed in SEEDS if defect.caught([seed])[0]) for defect in EVERY}
    FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
