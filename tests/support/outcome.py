"""How a command ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """Its exit code and what it has shown."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        return self.out + self.err
