"""Which hosts a resource may name. What is next to the operator itself must be allowed by its full name.

Names are not resolved: one that points at such an address is kept out by a NetworkPolicy, not here.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

OWN_NAMES = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
# Where clouds hand out a machine's credentials to whoever asks: by name, and of AWS (IPv6), Azure, Alibaba and Oracle.
METADATA_NAMES = frozenset({"instance-data", "instance-data.ec2.internal", "metadata", "metadata.google.internal"})
METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192")))
NAT64 = ip_network("64:ff9b::/96")


def is_allowed(host: str, patterns: Iterable[str], *more: str, own: bool = False) -> bool:
    """Whether a pattern stands for the host, or for one of `more` ways to write it, such as with its port.

    A wildcard never stands for the operator's own machine, its pod's sockets, its link or its cloud's metadata, unless
    `own`: then they are the user's.
    """
    names = [name.lower() for name in (host, *more)]
    listed = [pattern.lower() for pattern in patterns]
    if any(name in listed for name in names):
        return True
    return (own or not is_near(host)) and any(fnmatchcase(name, pattern) for name in names for pattern in listed)


def is_near(host: str) -> bool:
    """Whether it is an address or a name of this machine, of its link or of its cloud's metadata."""
    name = host.lower().strip("[]").rstrip(".")
    if name in OWN_NAMES or name.endswith(".localhost") or name in METADATA_NAMES:
        return True
    if name.startswith(("/", "@", "%")):  # sockets in the file system, for libpq
        return True
    address = address_of(name)
    return address is not None and (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address in METADATA
    )


def address_of(name: str) -> IPv4Address | IPv6Address | None:
    """The address that a resolver would take it for: 127.1, 0x7f000001 and 2130706433 are one, too."""
    try:
        address = ip_address(name.split("%")[0])
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(name))
        except (OSError, ValueError):
            return None
    if isinstance(address, IPv6Address) and address in NAT64:
        return IPv4Address(address.packed[-4:])
    return (isinstance(address, IPv6Address) and (address.ipv4_mapped or address.sixtofour)) or address
