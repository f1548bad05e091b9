"""What the operator's settings allow each other."""

from __future__ import annotations

import pytest

from nightsort.settings import API_URL, Settings


@pytest.mark.parametrize(
    ("create", "grace", "longest"), [(300, 600, 300), (900, 600, 300), (300, 120, 60), (20, 600, 20), (300, 0, 1)]
)
def test_a_create_call_is_over_long_before_its_intent_is_given_up(create: float, grace: float, longest: float) -> None:
    settings = Settings(create_timeout_seconds=create, adoption_grace_seconds=grace)

    assert settings.longest_create_seconds == longest


OURS, THE_SDKS = "NIGHTSORT_ANTHROPIC_BASE_URL", "ANTHROPIC_BASE_URL"


@pytest.mark.parametrize(
    ("flag", "environment", "used"),
    [
        (None, {}, API_URL),
        (None, {THE_SDKS: "https://gateway"}, "https://gateway"),
        (None, {OURS: "", THE_SDKS: "https://gateway"}, "https://gateway"),
        (None, {OURS: "https://ours", THE_SDKS: "https://gateway"}, "https://ours"),
        ("https://flag", {OURS: "https://ours", THE_SDKS: "https://gateway"}, "https://flag"),
        ("https://flag", {THE_SDKS: "https://gateway"}, "https://flag"),
    ],
)
def test_the_apis_address_is_the_flags_else_ours_else_the_sdks_else_the_vendors(
    flag: str | None, environment: dict[str, str], used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (OURS, THE_SDKS):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    given = {"anthropic_base_url": flag} if flag else {}

    assert Settings.model_validate(given).anthropic_base_url == used
