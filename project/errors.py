"""What is wrong with a wish, in one sentence."""

from __future__ import annotations


class ProjectError(Exception):
    """The project cannot be made so; the message says why and what to do. Nothing was changed."""
