"""The roles that API Gateway assumes to call what stands behind a method."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

from botocore.credentials import Credentials

Ask = Callable[[str, Mapping[str, str], str], Awaitable[tuple[int, str]]]
"""Sends a form to a service as the account's root; status and text of the answer."""

SESSION = "BackplaneAssumeRoleSession"
"""The name of API Gateway's sessions, as CloudTrail shows it."""
SERVICE = {"x-headrace-service": "apigateway.amazonaws.com"}
"""By which the emulator knows that it is API Gateway who assumes a role, and judges by its trust policy."""
FRESH = 1800
"""Seconds for which a session is used; it is good for an hour."""


class NotAssumed(Exception):
    """API Gateway may not assume the role; the message says so."""


class Roles:
    """Sessions of the roles that the stack of that name made, assumed when one is needed first."""

    def __init__(self, stack: str, ask: Ask) -> None:
        self._stack = stack
        self._ask = ask
        self._known: dict[str, tuple[float, Credentials]] = {}
        self._assuming = asyncio.Lock()

    async def credentials(self, arn: str) -> Credentials:
        """A session of the role. Raises `NotAssumed`.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
        """
        async with self._assuming:
            until, known = self._known.get(arn, (0.0, None))
            if known is None or time.monotonic() > until:
                known = await self._assume(arn)
                self._known[arn] = time.monotonic() + FRESH, known
        return known

    async def _assume(self, arn: str) -> Credentials:
        account, logical_id = arn.rpartition("/")[::2]
        found = {"Action": "DescribeStackResource", "StackName": self._stack, "LogicalResourceId": logical_id}
        _, text = await self._ask("cloudformation", {}, urlencode(found))
        name = _element(text, "PhysicalResourceId") or logical_id
        wanted = {"Action": "AssumeRole", "RoleArn": f"{account}/{name}", "RoleSessionName": SESSION}
        status, text = await self._ask("sts", SERVICE, urlencode(wanted | {"Version": "2011-06-15"}))
        if status != 200:
            raise NotAssumed("API Gateway does not have permission to assume the provided role")
        return Credentials(*(_element(text, each) for each in ("AccessKeyId", "SecretAccessKey", "SessionToken")))


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]+)</{name}>", text)
    return found[1] if found else ""
