"""Checks whether the API key belongs to the account from which an intent bought."""

from __future__ import annotations

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.domain.account import Kinship, kinship
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.record import in_state
from nightsort.domain.report import summary_of_state
from nightsort.flow.run.run import Run
from nightsort.ports import BatchApi


async def kinship_of(run: Run, api: BatchApi, intent: BatchRecord) -> Kinship:
    """Whether the API key now in use belongs to the account from which the intent bought.

    The API shows the batch that was the newest then only to its own workspace: where another key shows it, the key
    was only replaced. Other batches of the run prove nothing: they may have been bought from yet another account.
    """
    if intent.seen is None:  # an intent of an earlier version
        return Kinship.SAME
    kin = kinship(intent.seen, api.account(intent.tag))
    if kin is Kinship.UNKNOWN and intent.seen.newest and await api.retrieve(intent.seen.newest) is not None:
        return Kinship.SAME
    return kin


async def refuse_another_account(run: Run, api: BatchApi) -> None:
    """Checks the very account that is about to be bought from: the key may have been replaced since the last pass.

    Raises:
        Stalled: it is not known to be the account of an intent whose outcome is open.
    """
    for intent in in_state(run.status, BatchState.INTENDED):
        if await kinship_of(run, api, intent) is not Kinship.SAME:
            summary = summary_of_state(run.resource, elsewhere=[intent.tag])
            raise Stalled(summary.message, reason=Reason.ACCOUNT_CHANGED)
