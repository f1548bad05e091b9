"""Which worker runs a test where pytest has several (`-n 2`).

A file stays on one worker, since its tests share servers. All tests of the control plane stay on one: a second API
server would take the processors that the first one's tests wait for.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

ONE_WORKER = "tests/cluster/"


def group(nodeid: str) -> str:
    """Tests of one group run on one worker, one after another."""
    file = nodeid.partition("::")[0]
    return ONE_WORKER if file.startswith(ONE_WORKER) else file


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Files in the order in which they were named: the longest first, so that no worker waits at the end."""
    config.option.loadscopereorder = False
    return ByFile(config, log)
