"""The entry of a route: a request that becomes a message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from functions.contracts.contract import Command
from stacks.lanes import Choice, Lane

PARAMETER = re.compile(r"\{([a-z_]+)\}")

Authorization = Literal["iam", "api_key", "jwt"]
Authorized = Literal["iam", "api_key", "jwt", "signature", "none"]


@dataclass(frozen=True, kw_only=True)
class Route:
    """An HTTP endpoint that turns a request into a message: API Gateway straight to SQS."""

    path: str
    """Such as `/v1/tickets/{ticket_id}/changes`; a parameter is the FIFO group, or tells senders apart."""
    accepts: type[Command]
    """The contract of the body; what does not fit it is refused with 400."""
    queue: str
    """The queue that it feeds, of the same integration."""
    method: str = "POST"
    """The HTTP method."""
    group: str | None = None
    """The path parameter whose value is the FIFO message group."""
    tenant: str | None = None
    """Who the request is for: `caller` (the authenticated identity), or the name of a header in which callers that
    `trusts` names say it; without the header the identity counts. On a standard queue tenants share fairly.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html"""
    trusts: tuple[str, ...] = ()
    """Whose callers may name another tenant than themselves in that header: kinds of authorization, such as
    `("iam",)`. Of any other caller a header that does so is refused with 400. A stage that authorizes nobody, such as
    `local`, takes the header from anyone."""
    delay: bool = False
    """A `Delay-Seconds` header (up to a year) or `Delay-Until` may hold the message back. Standard queues only."""
    lane: str | Lane | Choice | None = None
    """What chooses the lane, where the queue has lanes: a header such as `X-Priority`, a field of the contract that
    names it, or a `Lane`, which says which values of a field mean which. What says nothing goes to `normal`."""
    tracked: bool = False
    """Whether `GET /v1/requests/{correlation_id}` says what became of its requests: a write for each, see
    docs/patterns/status.md."""
    authorization: Authorization | None = None
    """Who may call it, where that is not what the stage says."""
    rate: float | None = None
    """Requests a second that this route takes in the long run, within what the stage takes."""
    burst: int | None = None
    """Requests that this route takes at once."""
    retired: bool = False
    """Whether it is on its way out: it answers 404, and its queue stays until the entry goes. Deleted at once it would
    still be served by what is deployed, which is a snapshot."""
    senders: Mapping[str, str] = field(default_factory=dict)
    """Webhooks only: who may send, each with the scheme by which it signs. The name is the value of the path parameter
    `{source}`; the secret's name is `<sender>_webhook`."""

    @property
    def name(self) -> str:
        """How people and logs call the route: `POST /v1/tickets`."""
        return f"{self.method} {self.path}"

    @property
    def choice(self) -> Choice | None:
        """How the lane of a request is found; None if nothing chooses one."""
        return self.lane if isinstance(self.lane, Choice) else None

    @property
    def lane_header(self) -> str | None:
        """The header that names the lane, if there is one."""
        return self.choice.header if self.choice else None

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that it feeds: one, or those of its lanes, the most urgent first."""
        return tuple(dict.fromkeys(self.choice.queues.values())) if self.choice else (self.queue,)

    def authorized(self, stage: Authorized) -> Authorized:
        """How callers show who they are, in a stage that says `stage`.

        A webhook's sender can do nothing of API Gateway's; its signature is checked by the consumer. A stage that says
        `none` asks nobody.
        """
        if self.senders:
            return "signature"
        if stage == "none":
            return "none"
        return self.authorization or stage

    @property
    def tenant_header(self) -> str | None:
        """The header that names the tenant, if there is one."""
        return None if self.tenant == "caller" else self.tenant

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(PARAMETER.findall(self.path))
