"""What a web page could send to this machine, and nobody wants it to: what any page that a person visits could do."""

from __future__ import annotations

from collections.abc import Mapping

HOSTS = ("127.0.0.1", "localhost", "[::1]")
HARMLESS = ("none", "same-origin")


def is_from_a_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent it for a page, or somebody who reached this machine under another name.

    Names of headers are in lower case. Browsers say for whom they ask:
    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site.
    """
    host = headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return "origin" in headers or headers.get("sec-fetch-site", "none") not in HARMLESS or name not in HOSTS
