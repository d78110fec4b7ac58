"""A failed invocation goes back to its function, and what Lambda refuses stays where it is."""

from __future__ import annotations

import asyncio

from botocore.stub import Stubber

from ops.redrive.routing import FunctionDestination
from ops.sqs.message import Entry
from ops.stage import Stage

ARN = "arn:aws:lambda:eu-west-1:000000000000:function:f"


def test_an_event_is_invoked_again_as_it_was_and_a_refusal_is_said(cloud: Stage) -> None:
    to = FunctionDestination(cloud, ARN)
    with Stubber(cloud.client("lambda")) as functions:
        asked = {"FunctionName": ARN, "InvocationType": "Event"}
        functions.add_response("invoke", {"StatusCode": 202}, asked | {"Payload": b'{"n": 1}'})
        assert asyncio.run(to.send([Entry("1", '{"n": 1}')])) == {"1": None}

        functions.add_client_error("invoke", "TooManyRequestsException", "Rate Exceeded.", http_status_code=429)
        (reason,) = asyncio.run(to.send([Entry("2", '{"n": 2}')])).values()
        assert reason is not None
        assert "Rate Exceeded" in reason
        functions.assert_no_pending_responses()
