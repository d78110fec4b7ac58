"""The stacks of one stage: `cdk synth -c stage=prod`. Needs no network, no account and no git."""

from __future__ import annotations

import sys

from aws_cdk import App

from stacks.compose import compose
from stacks.rules import TopologyError
from stacks.settings import SettingsError


def main() -> str | None:
    """Synthesize. Returns what is wrong, in words, or None."""
    app = App()
    try:
        from stacks.topology import TOPOLOGY  # here, because it is checked as it is imported

        compose(app, TOPOLOGY)
        app.synth()
    except (TopologyError, SettingsError) as wrong:
        return str(wrong)
    except RuntimeError as failed:  # all that the CDK raises, and what our own code raised inside it
        what, _, report = str(failed).partition(": ")
        if what == "ValidationFailed":
            return report
        if what == "TooManyResourcesInStack":
            return f"{report}. Split what it holds over more integrations."
        if what.startswith("Failed to bundle asset"):
            return report.rpartition("RuntimeError: ")[2]
        raise
    return None


if __name__ == "__main__":
    sys.exit(main())
