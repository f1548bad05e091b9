"""kill -9 at random moments of `nightsort evaluate`: each reader's tickets are paid once, and the figures come."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess

import pytest

from tests.local.measuring import Measuring

RUNS = int(os.environ.get("NIGHTSORT_KILL_RUNS", "2"))
KILLS = 2
TICKETS = 30
GRACE = {"NIGHTSORT_ADOPTION_GRACE_SECONDS": "1"}
READERS = ("--models", "claude-haiku-5-5,claude-sonnet-5-5", "--sample", "24")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(RUNS))
def test_whenever_it_is_killed_each_reader_pays_its_tickets_once(measuring: Measuring, seed: int) -> None:
    rng = random.Random(seed)
    measuring.write(TICKETS, wrong=(0, 7))
    for number in range(KILLS):
        process = measuring.start(*READERS, log=f"{number}.log", **GRACE)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.process.wait(rng.uniform(1.5, 6.0))
        process.stop(signal.SIGKILL)

    last = measuring.start(*READERS, log="last.log", **GRACE)
    assert last.process.wait(120) == 0, last.tail(50)

    bill = measuring.bill()
    assert (bill["accepted"], bill["paid"]) == (48, 48), last.tail(50)
    assert [reader["known"] for reader in measuring.figures(*READERS)["readers"]] == [24, 24]
    assert measuring.bill()["accepted"] == 48, "and nothing is left to buy"
