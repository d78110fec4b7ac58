"""What others wrote and we hand out is the version that we say, to the byte, with its licence."""

from __future__ import annotations

from ops.console.page import HERE

STATIC = HERE / "static"
VENDORED = {
    "htmx.min.js": ("2.0.11", "HTMX"),
    "htmx-sse.min.js": ("2.2.4", "SSE"),
}
