"""The demo of the README, as a user starts it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cluster.controlplane.plane import TOP

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]


def test_the_demo_labels_300_tickets_and_leaves_nothing_running() -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "examples.demo.run"], cwd=TOP, capture_output=True, text=True, timeout=200, check=False
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    for word in ("Submitting", "Processing", "Complete", "cost $", "saved $"):
        assert word in demo.stdout
    assert demo.stdout.count('"verdict":"Labeled"') == 3
    left = subprocess.run(["pgrep", "-f", "nightsort-demo-"], capture_output=True, text=True, check=False)
    assert left.stdout == ""
