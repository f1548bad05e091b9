"""The databases that resources may name."""

from __future__ import annotations

from dataclasses import dataclass, field

from nightsort.adapters.sql.connections import PORTS
from nightsort.adapters.sql.lines import Deadlines
from nightsort.system.hosts import Resolver, addresses, is_allowed, is_plain, look_up

DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "sqlite": "sqlite"}
FAMILIES = {"postgres": "postgresql", "mariadb": "mysql", **{family: family for family in DRIVERS}}


@dataclass(frozen=True, slots=True)
class DatabasePolicy:
    """The databases that resources may name: schemes, and patterns of host names (`db.example.com`, `*.svc`, `*`).

    A URL without a host means localhost. `own`: the machine is the user's, so that patterns match it as well.
    """

    schemes: frozenset[str]
    hosts: tuple[str, ...]
    own: bool = False
    resolve: Resolver = look_up
    deadlines: Deadlines = field(default_factory=Deadlines)

    def allows_scheme(self, family: str) -> bool:
        return family in {FAMILIES.get(scheme) for scheme in self.schemes}

    def allows_host(self, hosts: str) -> bool:
        """`hosts` may be a list with commas, all of which libpq tries."""
        return all(is_allowed(host, self.hosts, own=self.own) for host in hosts.split(","))

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses for an allowed host. Raises HostNotAllowed, or OSError where there are none."""
        return addresses(host, port, self.hosts, own=self.own, resolve=self.resolve)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL's destination, without the user."""

    family: str
    host: str | None
    port: int | None
    database: str
    is_plain: bool = True
    """Whether no @ stands in the URL but the one before the host: else the password may reach to there."""

    @property
    def named(self) -> str:
        """The host for a message, where it can be shown."""
        return f" {(self.host or 'localhost')!r}" if self.shown else ""

    @property
    def shown(self) -> str:
        """Host and port for a message; nothing where a part of the password may have been taken for the host."""
        host = self.host or "localhost"
        if self.family not in PORTS or not self.is_plain or not is_plain(host):
            return ""
        return f" at {f'[{host}]' if ':' in host else host}:{self.port or PORTS.get(self.family)}"
