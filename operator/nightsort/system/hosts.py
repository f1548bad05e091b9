"""Decides which hosts a resource may name, and to which addresses connections for them go.

Hosts next to the operator itself must be allowed by their full name. A name has one reading only: characters that a
resolver would fold or cut (capitals, full-width digits, soft hyphens, NUL) are refused before any comparison. An
allowed name is resolved here, its addresses are checked by the same rules, and the connection goes to one of them.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""Maps a name and a port to addresses as text; raises OSError where there are none."""

# No other characters form a host here: drivers and resolvers turn some into others, or end the name at them.
PLAIN = re.compile(r"(?:[A-Za-z0-9._:-]*|\[[A-Za-z0-9._:-]+\](?::[0-9]{1,5})?)")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
OWN_NAMES = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
# Addresses at which clouds give a machine's credentials to anybody: by name, and those of Azure, Alibaba and Oracle,
# and of AWS and Google over IPv6.
METADATA_NAMES = frozenset({"instance-data", "instance-data.ec2.internal", "metadata", "metadata.google.internal"})
METADATA = (
    *map(ip_network, ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::/32", "fd20:ce::254")),
    *map(ip_network, ("0.0.0.0/8", "255.255.255.255")),  # of the machine itself and of its link
)
# The last four bytes are an IPv4 address: NAT64, NAT64 of a local network, and the old compatible addresses.
WITH_IPV4_BEHIND = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
ISATAP = b"\x5e\xfe"
MOST_ADDRESSES = 8
"""Addresses of one name; each of them may take the whole time of a connect."""


class HostNotAllowed(Exception):
    """A name leads next to the operator, and neither the name nor its address is listed in full."""


def look_up(host: str, port: int) -> list[str]:
    """The addresses from this machine's resolver.

    Raises:
        OSError: there are none, or the name is invalid.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("the name has an empty or an overlong part") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_plain(host: str) -> bool:
    """Whether it has the characters of hosts alone, so that it can be shown."""
    return PLAIN.fullmatch(host) is not None


def is_allowed(host: str, patterns: Iterable[str], *more: str, own: bool = False) -> bool:
    """Whether a pattern matches the host, or one of its other spellings in `more`, such as with its port.

    A wildcard never matches the operator's own machine, its link or its cloud's metadata, unless `own`: then they
    are the user's.
    """
    names = (host, *more)
    if not all(PLAIN.fullmatch(name) for name in names):
        return False
    listed = list(patterns)
    if any(is_listed(name, listed) for name in names):
        return True
    # Brackets stay: the end of an IPv6 address must not look like a port.
    known = {f"[{canonical(name)}]" if name.endswith("]") else canonical(name) for name in names}
    return (own or not is_near(host)) and any(
        fnmatchcase(name, pattern.lower()) for name in known for pattern in listed
    )


def addresses(
    host: str, port: int, patterns: Sequence[str], *, own: bool = False, resolve: Resolver = look_up
) -> list[str]:
    """The addresses to connect to for an allowed host.

    An address next to the operator is allowed if it is listed in full itself, or if the host is such an address, like
    localhost: people who may name services of the cluster can let these names lead anywhere.

    Raises:
        HostNotAllowed: an address is not allowed. OSError: there is none.
    """
    found = list(resolve(host.strip("[]"), port))
    if not found:
        raise OSError("the name has no address")
    near = [] if own else [each for each in found if is_near(each) or is_of_this_machine(each)]
    named = is_near(host) and is_listed(host, patterns)
    if not named and not all(is_listed(each, patterns) for each in near):
        raise HostNotAllowed
    return found[:MOST_ADDRESSES]


def is_listed(name: str, patterns: Iterable[str]) -> bool:
    """Whether it is listed in full, in any spelling of an address."""
    return canonical(name) in map(canonical, patterns)


def canonical(name: str) -> str:
    """The canonical spelling of a host: the usual form of an address; a name in lower case, without a final dot."""
    bare = name.lower().rstrip(".")
    address = address_of(bare.strip("[]"))
    if address is None:
        return bare
    return str((isinstance(address, IPv6Address) and address.ipv4_mapped) or address)


def is_near(host: str) -> bool:
    """Whether it is an address or a name of this machine, of its link or of its cloud's metadata."""
    name = host.lower().strip("[]").rstrip(".")
    if name in OWN_NAMES or name.endswith(".localhost") or name in METADATA_NAMES or not PLAIN.fullmatch(name):
        return True
    address = address_of(name)
    if address is None:  # readers of URLs take 0x.0x.0x for 0.0.0.0; no domain is a number
        return NUMBER.fullmatch(name.rpartition(".")[2]) is not None or ":" in name
    return any(map(is_near_address, meanings(address)))


def is_near_address(address: Address) -> bool:
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or any(address in network for network in METADATA)
    )


def meanings(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 addresses that gateways and the kernel may derive from it."""
    yield address
    if not isinstance(address, IPv6Address):
        return
    yield from filter(None, (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())))
    behind = address.packed[-4:]
    if any(address in network for network in WITH_IPV4_BEHIND) or address.packed[10:12] == ISATAP:
        yield IPv4Address(behind)


def address_of(name: str) -> Address | None:
    """The address that a resolver would read it as: 127.1, 0x7f000001 and 2130706433 are addresses, too."""
    try:
        return ip_address(name.split("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(name))
    except (OSError, ValueError):
        return None


def is_of_this_machine(address: str) -> bool:
    """Whether an address is one of this machine's own, reached by the kernel from itself. Sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return str(probe.getsockname()[0]) == address
    except (OSError, UnicodeError):
        return False  # no route leads to it
