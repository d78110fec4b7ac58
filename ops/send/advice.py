"""What to do about an answer of the API that is none of what was hoped for: what the API itself cannot know."""

from __future__ import annotations

from ops.address import partition_of
from ops.send.caller import Answer
from ops.send.target import Target
from ops.stage import Stage
from stacks.entry import Authorized
from stacks.route import PARAMETER

CREDENTIAL = "HEADRACE_CREDENTIAL"
"""The variable of the environment that says what a route asks of its callers."""
_SAID = {"jwt": "a bearer's token", "api_key": "an API key's value"}


def advice(stage: Stage, target: Target, authorized: Authorized, answer: Answer, who: str) -> str | None:
    """What to do, in a sentence; None where the answer says it itself. `who` is whose identity signed the request."""
    if answer.status in (401, 403) and authorized in _SAID:
        return f"The route asks for {_SAID[authorized]}: give a valid one by --credential, or {CREDENTIAL}."
    if answer.status == 403 and authorized == "iam":
        return (
            f"{who} may not call it, or its signature was not taken: redriving is no permission to send. Use a "
            f"--profile that has execute-api:Invoke on {resource(stage, target)}."
        )
    if answer.status == 429 or (answer.status == 503 and "retry-after" in answer.headers):
        return f"Send it again in {answer.headers.get('retry-after', '2')} s, with the same Idempotency-Key."
    if 300 <= answer.status < 400 and answer.status != 304:
        return "This is not the API's own answer, and is not followed: is --api-url that of the stage?"
    if answer.said is None and not (200 <= answer.status < 300 or answer.status == 304):
        return "This is not the API's own answer: is there a proxy before it, or is --api-url another's?"
    return None


def resource(stage: Stage, target: Target) -> str:
    """What IAM calls the route, of any API of the region.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html
    """
    partition = partition_of(stage.region)
    path = PARAMETER.sub("*", target.path)
    arn = f"arn:{partition.name if partition else 'aws'}:execute-api:{stage.region}:*:*"
    return f"{arn}/{stage.name}/{target.route.method}{path}"
