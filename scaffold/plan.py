"""What is to be written, in the words that were given and the names that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

from functions.contracts.contract import Event
from scaffold.fields import Field
from scaffold.words import snake


@dataclass(frozen=True, kw_only=True)
class NewIntegration:
    """An integration with one route, whose requests are stored once and answered by an event."""

    name: str
    method: str
    path: str
    group: str | None
    """The path parameter that is the FIFO group; None on a standard queue."""
    command: str
    publishes: tuple[str, ...]

    @property
    def integration(self) -> str:
        """The integration that it goes to: itself."""
        return self.name

    @property
    def contract(self) -> str:
        """The module in `functions/contracts/`."""
        return snake(self.name)

    @property
    def function(self) -> str:
        """The function, and its queue."""
        return snake(self.command)

    @property
    def table(self) -> str:
        """The table of requests."""
        return snake(self.name)


@dataclass(frozen=True, kw_only=True)
class NewSubscriber:
    """A subscriber that notes each event once, and may publish what follows."""

    function: str
    """The function, its queue and its table."""
    event: type[Event]
    field: Field | None
    """What it notes of the event."""
    integration: str
    founds: bool
    """Whether the integration is new."""
    publishes: tuple[str, ...]

    @property
    def contract(self) -> str:
        """The module in `functions/contracts/`, if it publishes."""
        return self.function

    @property
    def table(self) -> str:
        """The table of what was noted."""
        return self.function


@dataclass(frozen=True, kw_only=True)
class NewSchedule:
    """A schedule whose runs go to a queue of their own, where each is noted once."""

    function: str
    """The schedule, the function, its queue and its table."""
    command: str
    """What each run sends."""
    every: str
    timezone: str
    skips: bool
    """Whether a run is skipped while the one before waits or is at work."""
    integration: str
    founds: bool
    """Whether the integration is new."""

    @property
    def contract(self) -> str:
        """The module in `functions/contracts/`."""
        return self.function

    @property
    def table(self) -> str:
        """The table of what was noted."""
        return self.function


New = NewIntegration | NewSubscriber | NewSchedule
"""What may be asked for."""
