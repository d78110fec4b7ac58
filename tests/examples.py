"""How many examples a property is shown, and how many seeds: few in every run, many where somebody asks for them."""

from __future__ import annotations

import os
from typing import Any

import pytest

USUAL = 100
"""As many as Hypothesis shows a property that says nothing."""
EXAMPLES = int(os.environ.get("HEADRACE_EXAMPLES", "25"))
"""Shown instead; `make proofs` and `make fuzz` ask for more."""


def seeds(few: int, all_: int, first: int = 0) -> list[Any]:
    """Values of a parameter `seed`: the first few in every run, the others where proofs are run."""
    proof = pytest.mark.proof
    return [*range(first, first + few), *(pytest.param(each, marks=proof) for each in range(first + few, first + all_))]


def examples(usual: int = USUAL) -> int:
    """As many as there are instead of `usual`, for a property that needs more or fewer than others."""
    return max(1, round(EXAMPLES * usual / USUAL))
