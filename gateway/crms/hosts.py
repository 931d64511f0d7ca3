"""Which hosts may be called: the guard between a configured address and our own network (SSRF).

The name is resolved and judged at the moment of connecting, and the connection goes to the very address that was
judged, so that a second look-up cannot change the answer (DNS rebinding). Redirects are never followed by callers.
Proxies from the environment are not used: behind one, nothing could be judged.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError

from gateway.core.errors import OperatorFault

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where clouds keep what only their own machine may know. The first two are link-local or private anyway.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
# https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192")
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # https://www.rfc-editor.org/rfc/rfc6052


def _nobody_counts(_status: str) -> None:
    """For who does not want to know."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """What may be called beside the public internet over https.

    ``allow_loopback``: this machine, also over http (development and tests). ``private_hosts``: host names, lower case,
    that may be in a private network. Link-local and metadata addresses are never called, whatever is set.
    """

    allow_loopback: bool = False
    private_hosts: frozenset[str] = frozenset()
    count: Callable[[str], None] = field(default=_nobody_counts, repr=False, compare=False)
    """Told the status of each answer, ``none`` where there was none."""


def check_base_url(url: str, outbound: Outbound) -> str:
    """The address of a CRM, without a slash at its end. Raises ``OperatorFault`` with what is wrong with it.

    It says nothing about where the name leads: that is judged when connecting.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise OperatorFault("the CRM's base URL is not an address, example: https://crm.example/api") from error
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise OperatorFault("the CRM's base URL must look like https://crm.example/api")
    if "@" in parts.netloc:
        raise OperatorFault("the CRM's base URL must not hold a user name or password")
    if parts.scheme == "http" and not outbound.allow_loopback:
        raise OperatorFault("the CRM's base URL must begin with https")
    return url.rstrip("/")


def open_session(outbound: Outbound) -> requests.Session:
    """A session that connects only where ``outbound`` allows and takes nothing from the environment."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", GuardedAdapter(outbound))
    session.mount("http://", GuardedAdapter(outbound))
    return session


class GuardedAdapter(HTTPAdapter):
    """An adapter whose connections are judged by ``outbound``. Retries nothing: that is the services' business."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        super().__init__(pool_connections=2, pool_maxsize=2, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        """Build the pools out of guarded connections."""
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _guarded_pools(self._outbound)


def judge(address: str, host: str, outbound: Outbound, *, encrypted: bool) -> None:
    """Raise ``OperatorFault`` unless this resolved address of ``host`` may be connected to."""
    ip = _plain(ipaddress.ip_address(address.partition("%")[0]))
    if ip in _METADATA or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        raise OperatorFault(f"{host} leads to {ip}, an address that is never called")
    if ip.is_loopback and outbound.allow_loopback:
        return
    if not encrypted:
        raise OperatorFault(f"{host} may only be called over https")
    if not ip.is_global and host.lower() not in outbound.private_hosts:
        raise OperatorFault(f"{host} leads to {ip}, a private address: if that is meant, add it to CRM_PRIVATE_HOSTS")


def _plain(ip: Address) -> Address:
    """The IPv4 address that an IPv6 address is only the dress of."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def _connect(connection: HTTPConnection, outbound: Outbound, *, encrypted: bool) -> socket.socket:
    """Resolve, judge every address, and connect to the first that answers. All of them must be allowed."""
    host = connection.host.strip("[]")
    try:
        found = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        judge(address, host, outbound, encrypted=encrypted)
    return _first_answering(connection, addresses)


def _first_answering(connection: HTTPConnection, addresses: list[str]) -> socket.socket:
    # urllib3 turns OSError into its own errors only within its own _new_conn; requests understands OSError as well.
    last: OSError = OSError("no address")
    for address in addresses:
        try:
            sock = socket.create_connection((address, connection.port), timeout=connection.timeout)
        except OSError as error:
            last = error
            continue
        for option in connection.socket_options or ():
            sock.setsockopt(*option)
        return sock
    raise last


def _guarded_pools(outbound: Outbound) -> dict[str, type[HTTPConnectionPool]]:
    class PlainConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, outbound, encrypted=False)

    class SecureConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, outbound, encrypted=True)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": PlainPool, "https": SecurePool}
