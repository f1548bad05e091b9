"""Parts that a machine may lack: their tests are skipped there, and `make test` says at its end what was left out.

In CI, where .ci/run installs all parts, a missing one is a failure: a skipped test would hide work that nobody does.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from typing import NoReturn

import pytest

PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where servers are installed and the PATH of a user without root often does not lead."""
LEFT_OUT = "left out for want of "
ROOT = "root"
"""Nothing that could be installed."""


def need(program: str, *others: str) -> str:
    """Where a program is, or the first of its `others`, which do the same under other names.

    Ask before anything is started: a test without it ends here.
    """
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), *PLACES))
    found = (shutil.which(name, path=places) for name in (program, *others))
    return next(filter(None, found), None) or absent(program)


def absent(*what: str) -> NoReturn:
    """Ends the test, for want of these parts."""
    words = LEFT_OUT + ", ".join(what)
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


def left_out(reasons: Iterable[str]) -> list[str]:
    """What is said at the end of a test run, by the reasons of its skipped tests: nothing where all parts are there."""
    counts = Counter(reason.partition(LEFT_OUT)[2] for reason in reasons if LEFT_OUT in reason)
    lines = [f"{count} test{'s' * (count > 1)} {LEFT_OUT}{what}" for what, count in sorted(counts.items())]
    return [*lines, "`make test-deps` installs what is missing"] if counts.keys() - {ROOT} else lines
