"""Collects a batch of the second reader: its answers beside the first ones make the rows."""

from __future__ import annotations

from collections import Counter

from nightsort.api.batch_record import RULES, BatchRecord
from nightsort.domain.answer import Row
from nightsort.domain.batch import Batch
from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.record import collected, parents_of
from nightsort.domain.report import plural
from nightsort.domain.second import reader_of
from nightsort.flow.collection.collect import MOST_READINGS, Collected, Count, odd_lines
from nightsort.flow.results.answers import judged_answers
from nightsort.flow.results.reading import Reading
from nightsort.flow.results.rows import NO_ANSWER, row_by
from nightsort.flow.results.second import publish
from nightsort.flow.run.run import Run
from nightsort.ports import BatchApi

UNANSWERED = "the second model gave no usable answer to some tickets"


async def collect_second(run: Run, record: BatchRecord, batch: Batch) -> Collected:
    """Stores the rows that waited for this batch. What it has not answered is not asked again: it has a first answer.

    Raises:
        Waiting, Stalled: as `collect` does.
    """
    await run.services.ledger.ensure_recordable(run.resource.meta)
    api = await run.services.connections.api(run.resource)
    answers, count, reading = await read_through(run, api, record, batch)
    published = await publish(run, parents_of(run.status, record), answers)
    update = {"rules": RULES, "strays": reading.strays, "differing": len(reading.differing)}
    tally = count.tally_of_second(record)
    status = collected(run.status, record.model_copy(update=update), tally, batch.ended_at)
    status = published.written_to(status, UNANSWERED)
    told = f"batch {batch.id} of the second model: {plural(published.rows, 'row')}"
    return Collected(status, told, list(odd_lines(batch, reading)))


async def read_through(
    run: Run, api: BatchApi, record: BatchRecord, batch: Batch
) -> tuple[dict[str, Row], Count, Reading]:
    """The answers by ticket.

    Raises:
        Waiting: the results were cut, or differ at each reading.
    """
    spec, _ = reader_of(run.spec, None, second=True)
    reading = Reading()
    for _ in range(MOST_READINGS):
        answers, count = dict[str, Row](), Count(Counter(), Counter(), asked_us=spec.inference_geo == "us")
        async for judged in judged_answers(run, api, record, batch, reading):
            count.add(judged.answer or NO_ANSWER)
            answers[judged.id] = row_by(spec.model, batch.id, batch.ended_at, judged, {})
        if not reading.unclear:
            return answers, count, reading
        reading = reading.again()
    raise Waiting(
        f"the results of {batch.id} are not the same at each reading; reading them again",
        reason=Reason.RESULTS_INCOMPLETE,
    )
