"""The trace that a message belongs to: where it is read, and how the events that follow carry it on.

The only module that knows its form, which is X-Ray's header today. API Gateway's template puts the header on the queue,
SQS keeps it beside the message, EventBridge hands it to its targets, and botocore sends the running one with every
call. Another form, such as OpenTelemetry's `traceparent`, replaces these two functions.

See https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-related-service-xray.html: an entry's header goes before
that of its call, and counts to no size.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any


def received(system: Mapping[str, Any]) -> str | None:
    """The trace of a record, from its system attributes.

    A message that came without one starts in the trace of the invocation that takes it, if Lambda made one.
    """
    return system.get("AWSTraceHeader") or os.environ.get("_X_AMZN_TRACE_ID") or None


def onward(trace: str | None) -> dict[str, str]:
    """What a PutEvents entry says, so that the event's subscribers belong to the same trace."""
    return {"TraceHeader": trace} if trace else {}
