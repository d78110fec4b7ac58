"""Keys that are made of parts: what tells effects, claims and groups of different tenants apart.

Parts are joined by `/`. A `/` within a part is escaped, so that different parts never make the same key; a part without
`/` and `%` stays as it is. A tenant's key begins with `/`, which no other does.
"""

from __future__ import annotations


def joined(*parts: str) -> str:
    """The parts as one key: another for every other list of parts."""
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def scoped(tenant: str | None, *parts: str) -> str:
    """The parts as a key of the tenant's own: `/acme/ord-1`. Without a tenant they are just joined: `ord-1`."""
    return joined("", tenant, *parts) if tenant else joined(*parts)


def unscoped(tenant: str | None, key: str) -> str:
    """The one part that `scoped` made `key` of; `key` itself if it is not the tenant's."""
    if tenant and key.startswith(own := joined("", tenant, "")):
        return key.removeprefix(own).replace("%2F", "/").replace("%25", "%")
    return key
