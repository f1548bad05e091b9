"""kill -9 at random moments of `nightsort classify`: the bill equals the tickets, and the file is whole."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess

import pytest

from tests.local.office import Office

RUNS = int(os.environ.get("NIGHTSORT_KILL_RUNS", "6"))
"""Twenty of them, with 50 kills and more, take about a quarter of an hour."""
KILLS = 3
TICKETS = 40
GRACE = {"NIGHTSORT_ADOPTION_GRACE_SECONDS": "1"}
"""How long a batch may be missing from the list before it is sent again: the simulator lists it at once."""


def whole_or_not_there(office: Office) -> bool:
    return not office.labeled.exists() or [row["id"] for row in office.rows()] == ids()


def ids() -> list[str]:
    return [f"T-{number:04}" for number in range(1, TICKETS + 1)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(RUNS))
def test_whenever_it_is_killed_every_ticket_is_paid_once_and_the_file_is_whole(office: Office, seed: int) -> None:
    rng = random.Random(seed)
    office.write(TICKETS)
    for number in range(KILLS):
        process = office.start("--yes", log=f"{number}.log", **GRACE)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.process.wait(rng.uniform(0.5, 7.0))
        process.stop(signal.SIGKILL)
        assert whole_or_not_there(office), process.tail()

    last = office.start("--yes", log="last.log", **GRACE)
    assert last.process.wait(120) == 0, last.tail(50)

    bill = office.bill()
    assert (bill["accepted"], bill["paid"]) == (TICKETS, TICKETS), last.tail(50)
    assert [row["id"] for row in office.rows()] == ids()
    assert {row["verdict"] for row in office.rows()} == {"Labeled"}
    assert not list(office.folder.glob(".*.part"))
    assert office.classify().code == 0, "and nothing is left to buy"
