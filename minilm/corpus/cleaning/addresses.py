"""E-mail and IP addresses replaced, so that a model cannot give them away.

What replaces them is set aside for examples and belongs to nobody: the domain example.com
(RFC 2606), 192.0.2.0/24 (RFC 5737), 2001:db8::/32 (RFC 3849). Only public IP addresses are
replaced: 127.0.0.1 and 192.168.0.1 say nothing of anybody. Version numbers of four parts look
like addresses and are replaced too.

An "@" is looked for first, then the name before it, of at most 64 characters, and the domain
after it: a pattern for the whole would try each character of a long word as its beginning.

Sources: RFC 5321, section 4.5.3.1, for the lengths; FineWeb (Penedo et al., 2024) does the same.
"""

from __future__ import annotations

import ipaddress
import re
from functools import partial

from minilm.corpus.cleaning.rule import cleaner
from minilm.corpus.pipeline import Rule

__all__ = ["mask_addresses"]

_LONGEST_NAME = 64
_NAME = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+\Z")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")
# What may not stand before is asked after the first digit: a pattern that begins with a digit
# is searched several times faster.
_IPV4 = re.compile(r"\d(?<![\w.]\d)\d{0,2}(?:\.\d{1,3}){3}(?!\w|\.\d)", re.ASCII)
# Only 2000::/3 is given out; "a::b" is more likely a name in a program.
_IPV6 = re.compile(
    r"[23](?<![\w:.][23])[\da-f]{3}:[\da-f:]{2,34}(?![\w:])", re.ASCII | re.IGNORECASE
)


def mask_addresses(
    email: str = "email@example.com", ipv4: str = "192.0.2.1", ipv6: str = "2001:db8::1"
) -> Rule:
    """E-mail addresses and public IP addresses become the ones given.

    Examples
    --------
    >>> from minilm.corpus.documents import Document
    >>> text = "Ask jo.doe+x@mail.org. at 8.8.8.8, not at 10.0.0.1; see @dataclass."
    >>> mask_addresses(email="<e-mail>")(Document("a", text, "here")).text
    'Ask <e-mail>. at 192.0.2.1, not at 10.0.0.1; see @dataclass.'
    """
    return cleaner("mask_addresses", partial(_masked, email=email, ipv4=ipv4, ipv6=ipv6))


def _masked(text: str, email: str, ipv4: str, ipv6: str) -> str:
    if "@" in text:
        text = _without_emails(text, email)
    text = _IPV4.sub(partial(_public, instead=ipv4), text)
    return _IPV6.sub(partial(_public, instead=ipv6), text)


def _without_emails(text: str, instead: str) -> str:
    pieces = []
    done = 0
    at = text.find("@")
    while at >= 0:
        start = max(done, at - _LONGEST_NAME)
        name = _NAME.search(text[start:at])
        domain = _DOMAIN.match(text, at + 1)
        if name and domain and name[0].strip("."):
            first = start + name.start()
            first += len(name[0]) - len(name[0].lstrip("."))
            pieces += [text[done:first], instead]
            done = domain.end()
        at = text.find("@", max(at + 1, done))
    return "".join([*pieces, text[done:]])


def _public(match: re.Match[str], instead: str) -> str:
    try:
        return instead if ipaddress.ip_address(match[0]).is_global else match[0]
    except ValueError:  # no address after all
        return match[0]
