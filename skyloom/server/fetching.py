"""HTTP to addresses that somebody else chose: names are resolved once, private addresses refused, and the connection goes to
the very address that was checked. Redirects are followed by hand, each checked anew.
"""

import http.client
import ipaddress
import socket
import ssl
from urllib.parse import urljoin, urlsplit

TIMEOUT = 20.0  # seconds for each wait on the network
HOPS = 3  # redirects


class Refused(Exception):
    """The address may not be called, or did not give what was wanted."""


class _Pinned(http.client.HTTPConnection):
    """Connects to a checked address, whatever its name resolves to by now."""

    def __init__(self, name: str, port: int, address: str, tls: bool):
        super().__init__(name, port, timeout=TIMEOUT)
        self.address, self.tls = address, tls

    def connect(self) -> None:
        plain = socket.create_connection((self.address, self.port), self.timeout)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host) if self.tls else plain


def fetch(url: str, domains: tuple[str, ...], most: int) -> bytes:
    """The body behind a URL on one of the domains (or below one). Refused says why not."""
    for _ in range(HOPS + 1):
        name = split(url)[0]
        if not any(name == domain or name.endswith("." + domain) for domain in domains):
            raise Refused("URLs are not fetched from there by this server. Send the file, or a data URL.")
        status, location, body = call("GET", url, most=most)
        if status in (301, 302, 303, 307, 308) and location:
            url = urljoin(url, location)
            continue
        if status != 200:
            raise Refused(f"the URL answered {status}.")
        return body
    raise Refused("the URL redirects too often.")


def call(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None, *, most: int, private: bool = False
) -> tuple[int, str | None, bytes]:
    """One request, no redirect followed: (status, Location, body up to `most` bytes). Refused where it cannot be made."""
    name, port, tls, target = split(url)
    connection = _Pinned(name, port, resolve(name, port, private), tls)
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        data = answer.read(most + 1)
        if len(data) > most:
            raise Refused(f"the URL gives more than {most} bytes.")
        return answer.status, answer.getheader("Location"), data
    except (OSError, http.client.HTTPException) as error:
        raise Refused(f"the URL cannot be reached ({type(error).__name__}).") from error
    finally:
        connection.close()


def split(url: str) -> tuple[str, int, bool, str]:
    """A URL -> host name, port, whether TLS, path and query. Refused for anything but http and https without credentials."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("that is no URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.password is not None:
        raise Refused("wanted a URL that begins with https:// or http://, without a user in it.")
    if any(ord(sign) <= 32 or ord(sign) > 126 for sign in url) or "\\" in url:
        raise Refused("the URL has signs in it that must be escaped.")
    tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.hostname.lower().rstrip("."), port or (443 if tls else 80), tls, target


def resolve(name: str, port: int, private: bool = False) -> str:
    """The address to connect to. Refused where any that the name has is not public, unless `private`."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise Refused("the name in the URL is not known.") from None
    if not private and not all(is_public(address) for address in found):
        raise Refused("the URL leads to a private address.")
    return sorted(found)[0]


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet, also where it hides inside an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if int(ip) >> 32 == 0x64FF9B << 64:  # 64:ff9b::/96, NAT64
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast
