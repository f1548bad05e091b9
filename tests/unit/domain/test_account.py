"""Whether two keys show the same batches."""

from __future__ import annotations

import pytest

from nightsort.domain.account import Account, Kinship, kinship

NOTED = Account("org", "one", "k1")


@pytest.mark.parametrize(
    ("noted", "now", "kin"),
    [
        pytest.param(NOTED, NOTED, Kinship.SAME, id="the same key"),
        pytest.param(NOTED, Account("org", "one", "k2"), Kinship.SAME, id="rotated, and the answers tell"),
        pytest.param(NOTED, Account("org", "two", "k2"), Kinship.OTHER, id="another workspace"),
        pytest.param(NOTED, Account("else", "", "k2"), Kinship.OTHER, id="another organization"),
        pytest.param(NOTED, Account("org", "", "k2"), Kinship.UNKNOWN, id="the workspace is not told now"),
        pytest.param(Account("org", "", "k1"), Account("org", "", "k2"), Kinship.UNKNOWN, id="it never was"),
        pytest.param(Account("", "", "k1"), Account("", "", "k2"), Kinship.UNKNOWN, id="nothing is told"),
        pytest.param(Account("", "", "k1"), Account("org", "one", "k1"), Kinship.SAME, id="told now, the same key"),
        pytest.param(Account(), Account(), Kinship.UNKNOWN, id="nothing is known"),
    ],
)
def test_names_tell_and_else_the_key(noted: Account, now: Account, kin: Kinship) -> None:
    assert kinship(noted, now) is kin
