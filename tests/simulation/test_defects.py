"""The oracle bites: without any one of the flow's precautions, some seed shows it."""

from __future__ import annotations

import logging

import pytest

from tests.simulation.defects import DEFECTS, Defect

MOST_SEEDS = 400


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_the_oracle_catches(defect: Defect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    assert any(defect.broken(seed) for seed in range(MOST_SEEDS)), f"{MOST_SEEDS} seeds did not show it"
