"""Which addresses are of this machine, of its network or of a cloud's service of credentials (pure)."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

# Their last 32 bits are an IPv4 address: compatible ones, and two ways of a translator (NAT64).
_HOLDS_IPV4 = tuple(map(IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")))
# Services that give a machine its credentials, at addresses that are not link-local: AWS, Google, Alibaba.
_CREDENTIALS = frozenset(map(ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200")))


def meant_by(address: str) -> list[IPv4Address | IPv6Address]:
    """The address, and the IPv4 addresses that it stands for. Raises ValueError if it is none."""
    known = ip_address(address.partition("%")[0])
    if isinstance(known, IPv4Address):
        return [known]
    held = [known.ipv4_mapped, known.sixtofour, *(known.teredo or ())]
    held += [IPv4Address(int(known) & 0xFFFFFFFF) for network in _HOLDS_IPV4 if known in network]
    return [known, *(each for each in held if each is not None)]


def is_public(address: str) -> bool:
    """Whether it is an address of the public internet, and stands for no other one."""
    return all(
        (each.is_global or _is_mapped(each))
        and not each.is_multicast
        and not (isinstance(each, IPv6Address) and each.is_site_local)
        for each in meant_by(address)
    )


def is_link_local(address: str) -> bool:
    """Whether it answers only on this machine or its network segment, or hands out credentials in a cloud."""
    return any(each.is_link_local or each in _CREDENTIALS for each in meant_by(address))


def is_confidential(url: str) -> bool:
    """Whether nobody on the way can read or change what is sent: HTTPS, or HTTP on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")


def _is_mapped(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None
