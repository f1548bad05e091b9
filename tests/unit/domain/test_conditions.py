"""Conditions by the rules of kstatus, with the Job's words beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.api.condition import Condition
from nightsort.api.status import Status
from nightsort.domain.conditions import conditions_of, is_finished, is_true
from nightsort.domain.errors import Interruption, OutcomeUnknown, Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.run_state import ConditionSummary, RunState

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def conditions(state: RunState, before: tuple[Condition, ...] = (), now: datetime = NOW) -> tuple[Condition, ...]:
    return conditions_of(ConditionSummary(state, Reason.SUBMITTING, "message"), before, 3, now)


def as_table(made: tuple[Condition, ...]) -> dict[str, str]:
    return {condition.type: condition.status for condition in made}


TABLE = [
    (RunState.WORKING, {"Ready": "False", "Reconciling": "True"}),
    (RunState.STALLED, {"Ready": "False", "Stalled": "True"}),
    (RunState.SUSPENDED, {"Ready": "False", "Suspended": "True"}),
    (RunState.HELD, {"Ready": "False", "Stalled": "True", "Held": "True"}),
    (RunState.COMPLETE, {"Ready": "True", "Complete": "True", "Finished": "True"}),
    (RunState.FAILED, {"Ready": "False", "Stalled": "True", "Failed": "True", "Finished": "True"}),
]


@pytest.mark.parametrize(("state", "table"), TABLE)
def test_a_standing_has_these_conditions(state: RunState, table: dict[str, str]) -> None:
    assert as_table(conditions(state)) == table


def test_the_table_knows_every_standing() -> None:
    assert [state for state, _ in TABLE] == list(RunState)


@given(st.lists(st.sampled_from(list(RunState)), min_size=1))
def test_kstatus_can_read_every_history(history: list[RunState]) -> None:
    made: tuple[Condition, ...] = ()
    for step, state in enumerate(history):
        before, at = {each.type: each for each in made}, NOW + timedelta(minutes=step)
        made = conditions(state, made, at)
        table = as_table(made)

        assert "Ready" in table
        assert len(table) == len(made)
        assert not {"Reconciling", "Stalled"} <= table.keys()
        assert all(status == "True" for kind, status in table.items() if kind != "Ready")
        assert all(each.observed_generation == 3 for each in made)
        for each in made:
            flipped = each.type not in before or before[each.type].status != each.status
            assert each.last_transition_time == (at if flipped else before[each.type].last_transition_time)


def test_reason_and_message_change_without_a_transition() -> None:
    first = conditions(RunState.WORKING)

    later = conditions_of(ConditionSummary.working(Reason.QUEUED, "words"), first, 4, NOW + timedelta(hours=1))

    assert [(each.last_transition_time, each.reason, each.message) for each in later] == [(NOW, "Queued", "words")] * 2


@pytest.mark.parametrize(
    ("interruption", "state"),
    [
        (Waiting("m"), RunState.WORKING),
        (OutcomeUnknown("m"), RunState.WORKING),
        (Stalled("m"), RunState.STALLED),
        (Rejected("m"), RunState.FAILED),
    ],
)
def test_an_error_says_how_the_run_stands(interruption: Interruption, state: RunState) -> None:
    assert ConditionSummary.of(interruption) == ConditionSummary(state, interruption.usual, "m")


def test_an_error_may_name_its_own_reason() -> None:
    assert ConditionSummary.of(Stalled("m", reason=Reason.SECRET_MISSING)).reason == Reason.SECRET_MISSING


@pytest.mark.parametrize(("state", "finished"), [(s, s in (RunState.COMPLETE, RunState.FAILED)) for s in RunState])
def test_a_run_is_finished_by_either_outcome(state: RunState, finished: bool) -> None:
    assert is_finished(Status(conditions=conditions(state))) is finished
    assert ConditionSummary(state, Reason.SUBMITTING, "").finished is finished


def test_a_condition_that_is_false_or_absent_is_not_true() -> None:
    status = Status(conditions=conditions(RunState.WORKING))

    assert (is_true(status, "Reconciling"), is_true(status, "Ready"), is_true(status, "Failed")) == (True, False, False)
