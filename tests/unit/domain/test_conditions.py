"""Conditions by the rules of kstatus, with the Job's words beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.api.status import Condition, Status
from nightsort.domain.conditions import conditions_of, is_finished, is_true
from nightsort.domain.errors import Interruption, OutcomeUnknown, Rejected, Stalled, Waiting
from nightsort.domain.situation import Situation, Standing

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def conditions(standing: Standing, before: tuple[Condition, ...] = (), now: datetime = NOW) -> tuple[Condition, ...]:
    return conditions_of(Situation(standing, "Reason", "message"), before, 3, now)


def as_table(made: tuple[Condition, ...]) -> dict[str, str]:
    return {condition.type: condition.status for condition in made}


TABLE = [
    (Standing.WORKING, {"Ready": "False", "Reconciling": "True"}),
    (Standing.STALLED, {"Ready": "False", "Stalled": "True"}),
    (Standing.SUSPENDED, {"Ready": "False", "Suspended": "True"}),
    (Standing.COMPLETE, {"Ready": "True", "Complete": "True", "Finished": "True"}),
    (Standing.FAILED, {"Ready": "False", "Stalled": "True", "Failed": "True", "Finished": "True"}),
]


@pytest.mark.parametrize(("standing", "table"), TABLE)
def test_a_standing_has_these_conditions(standing: Standing, table: dict[str, str]) -> None:
    assert as_table(conditions(standing)) == table


def test_the_table_knows_every_standing() -> None:
    assert [standing for standing, _ in TABLE] == list(Standing)


@given(st.lists(st.sampled_from(list(Standing)), min_size=1))
def test_kstatus_can_read_every_history(history: list[Standing]) -> None:
    made: tuple[Condition, ...] = ()
    for step, standing in enumerate(history):
        before, at = {each.type: each for each in made}, NOW + timedelta(minutes=step)
        made = conditions(standing, made, at)
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
    first = conditions(Standing.WORKING)

    later = conditions_of(Situation.working("Other", "words"), first, 4, NOW + timedelta(hours=1))

    assert [(each.last_transition_time, each.reason, each.message) for each in later] == [(NOW, "Other", "words")] * 2


@pytest.mark.parametrize(
    ("interruption", "standing"),
    [
        (Waiting("m"), Standing.WORKING),
        (OutcomeUnknown("m"), Standing.WORKING),
        (Stalled("m"), Standing.STALLED),
        (Rejected("m"), Standing.FAILED),
    ],
)
def test_an_error_says_how_the_run_stands(interruption: Interruption, standing: Standing) -> None:
    assert Situation.of(interruption) == Situation(standing, type(interruption).__name__, "m")


def test_an_error_may_name_its_own_reason() -> None:
    assert Situation.of(Stalled("m", reason="SecretMissing")).reason == "SecretMissing"


@pytest.mark.parametrize(("standing", "finished"), [(s, s in (Standing.COMPLETE, Standing.FAILED)) for s in Standing])
def test_a_run_is_finished_by_either_outcome(standing: Standing, finished: bool) -> None:
    assert is_finished(Status(conditions=conditions(standing))) is finished
    assert Situation(standing, "", "").finished is finished


def test_a_condition_that_is_false_or_absent_is_not_true() -> None:
    status = Status(conditions=conditions(Standing.WORKING))

    assert (is_true(status, "Reconciling"), is_true(status, "Ready"), is_true(status, "Failed")) == (True, False, False)
