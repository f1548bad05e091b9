"""Deliberate defects of sending: what happens on the way from an intent to a create that the API has taken."""

from __future__ import annotations

import random

from nightsort.domain.record import Submission
from nightsort.flow import reconcile, submit
from nightsort.flow.run import Run
from nightsort.flow.spool import BodySpool, RowSpool
from tests.simulation.chaos import Chaos
from tests.simulation.defect import Defect


async def submit_with_the_disk_last(run: Run, submission: Submission) -> None:
    """Writes the body to the disk when its intent stands already."""
    tag = run.tools.new_tag()
    with BodySpool(run.tools.scratch) as spool, RowSpool(run.tools.scratch) as unsendable:
        load = await submit.fill(run, submission, tag, submit.Load(spool, unsendable))
        record = await submit.intend(run, submission, load, tag)
        await spool.seal()
        await unsendable.seal()
        if record is not None:
            await submit.carry_out(run, await run.tools.connections.api(run.resource), record, load)


def of_disks_mostly(rng: random.Random) -> Chaos:
    """Faults that are drawn by chance come often, those of calls seldom."""
    return DiskChaos(rng, most=15, rate=0.002)


class DiskChaos(Chaos):
    def chance(self, probability: float) -> bool:
        return super().chance(probability * (10 if probability in (0.002, 0.01, 0.02) else 1))


DEFECTS = (
    Defect(
        "the body is written out after its intent",
        r"I13: \S+ waits for \S+, of which no byte was sent",
        [(reconcile, "submit", submit_with_the_disk_last)],
        chaos=of_disks_mostly,
    ),
)
