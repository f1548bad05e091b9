"""What the operator's settings allow each other."""

from __future__ import annotations

import pytest

from nightsort.settings import Settings


@pytest.mark.parametrize(
    ("create", "grace", "longest"), [(300, 600, 300), (900, 600, 300), (300, 120, 60), (20, 600, 20), (300, 0, 1)]
)
def test_a_create_call_is_over_long_before_its_intent_is_given_up(create: float, grace: float, longest: float) -> None:
    settings = Settings(create_timeout_seconds=create, adoption_grace_seconds=grace)

    assert settings.longest_create_seconds == longest
