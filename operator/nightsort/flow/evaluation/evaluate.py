"""Decides, once every known ticket has its answer, and lets a held run go on when a person has said so."""

from __future__ import annotations

from nightsort.api.evaluated import EvaluationStatus, Outcome
from nightsort.api.resource import Resource
from nightsort.domain.gate import is_held
from nightsort.domain.matrix import decoded, described, figures_of, in_words, outcome_of
from nightsort.domain.reasons import Reason
from nightsort.domain.report import progress, summary_of_state
from nightsort.domain.stored import EvaluationReport
from nightsort.flow.run.run import Run
from nightsort.ports import ReportingSink


async def evaluate(run: Run) -> None:
    """Writes the outcome. Below the threshold the run is held, ends, or goes on, as the spec has it."""
    run.demand_no_doubt()
    before = run.status.evaluation or EvaluationStatus()
    outcome = Outcome.PASSED if has_nothing_to_label(run) else outcome_of(figures_of(run.status, run.spec), run.spec)
    status = run.status.model_copy(update={"evaluation": before.model_copy(update={"outcome": outcome})})
    decided = run.resource.with_status(
        status.model_copy(update={"evaluation": described(status, run.spec, run.services.prices)})
    )
    await report(run, decided)
    await run.save_results(status, summary_of_state(decided) if is_held(decided) else progress(status))
    if has_nothing_to_label(run):
        return None
    told = in_words(decided.status.evaluation or before)
    if outcome is Outcome.PASSED:
        return await run.note(Reason.EVALUATED, told)
    least = run.spec.evaluation.min_accuracy if run.spec.evaluation is not None else None
    return await run.warn(Reason.ACCURACY_TOO_LOW, f"{told}; evaluation.minAccuracy is {least}")


async def report(run: Run, decided: Resource) -> None:
    """Puts the figures beside the results, where these have a place for it: again after a crash."""
    figures, spec = decided.status.evaluation, decided.spec
    if figures is None or has_nothing_to_label(run):
        return
    answers = decoded(figures.matrix, [category.name for category in spec.categories])
    least = spec.evaluation.min_accuracy if spec.evaluation is not None else None
    told = EvaluationReport(decided.meta.name, spec.model, least, figures, answers)
    for sink in await run.services.connections.sinks(run.resource):
        if isinstance(sink, ReportingSink):
            await sink.report(told)


async def resume(run: Run) -> None:
    """Notes that a person has released the run: from now on it goes on, whatever the spec says later."""
    before = run.status.evaluation or EvaluationStatus()
    status = run.status.model_copy(update={"evaluation": before.model_copy(update={"released": True})})
    await run.save(status, progress(status))
    await run.note(Reason.HOLD_RELEASED, f"evaluation.release is true: the run goes on, though {in_words(before)}")


def has_nothing_to_label(run: Run) -> bool:
    """Whether the source has no tickets beside known ones, which are not bought then."""
    plan = run.status.plan
    return plan is not None and plan.tickets == 0 and plan.evaluation is not None and plan.evaluation.sample == 0
