"""How a canceled run is told from others."""

from __future__ import annotations

from nightsort.api.spec import Spec
from nightsort.cli.cluster.options import CANCELED_AFTER


def is_canceled(spec: Spec) -> bool:
    """Whether a person has canceled it: a deadline that is over at any time ends a run, and nobody else gives one."""
    return spec.active_deadline_seconds == CANCELED_AFTER
