"""How many examples a property is shown: few in every run, many where somebody asks for them."""

from __future__ import annotations

import os

USUAL = 100
"""As many as Hypothesis shows a property that says nothing."""
EXAMPLES = int(os.environ.get("HEADRACE_EXAMPLES", "25"))
"""Shown instead; `make proofs` and `make fuzz` ask for more."""


def examples(usual: int = USUAL) -> int:
    """As many as there are instead of `usual`, for a property that needs more or fewer than others."""
    return max(1, round(EXAMPLES * usual / USUAL))
