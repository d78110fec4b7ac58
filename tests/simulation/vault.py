"""Secrets Manager: one secret a sender, rotated at any time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.aws.errors import ServiceError
from tests.simulation.clock import EPOCH, Clock
from tests.simulation.wire import Call


class Vault:
    """The values of each secret with the times since which they are the current ones, the current one first."""

    def __init__(self, clock: Clock, allowed: Callable[[str, str, str], bool]) -> None:
        self.values: dict[str, list[tuple[str, float]]] = {}
        self._clock = clock
        self._allowed = allowed

    def answer(self, call: Call) -> dict[str, Any]:
        """What Secrets Manager answers. Raises `ServiceError`, and `LookupError` for a call that is not modelled."""
        if call.operation != "GetSecretValue":
            raise LookupError(f"the simulation has no {call.operation}; add it to vault.py")
        name, stage = call.body["SecretId"], call.body.get("VersionStage", "AWSCURRENT")
        if not self._allowed(call.worker.function, "secretsmanager:GetSecretValue", name):
            raise ServiceError(400, "AccessDeniedException", f"{call.worker.function} may not read {name}")
        values = self.values.get(name, [])
        place = {"AWSCURRENT": 0, "AWSPREVIOUS": 1}[stage]
        if place >= len(values):
            raise ServiceError(400, "ResourceNotFoundException", f"{name} has no {stage}")
        value, made = values[place]
        return {"Name": name, "SecretString": value, "CreatedDate": EPOCH + made, "VersionStages": [stage]}

    def unheard(self, call: Call) -> None:
        """Nothing changed."""

    def rotate(self, name: str, value: str) -> None:
        """Make `value` the current one of `name`; the one before stays readable."""
        self.values[name] = [(value, self._clock.now), *self.values.get(name, [])][:2]
