"""Starting something long from a message: a state machine's execution, once however often the message comes.

What a queue's own mapping starts must be over within 15 minutes, since Lambda waits for it. A consumer that starts an
execution and is done has no such end: https://docs.aws.amazon.com/lambda/latest/dg/durable-invoking-esm.html.
Imported by the functions that use it and by nothing else: it loads botocore.
"""

from __future__ import annotations

import hashlib

import msgspec
from botocore.exceptions import ClientError

from functions.contracts.contract import Command, Event
from functions.runtime.clients import client
from functions.runtime.message import Message

KNOWN = "ExecutionAlreadyExists"


def start(state_machine: str, contract: Command | Event, message: Message) -> bool:
    """Start an execution of the standard state machine with that ARN, with the contract as its input.

    False if it has ended, or runs with another input; True also where it runs already, which Step Functions does not
    tell apart. Its name is made of the message's key, so the same message starts it once: for as long as Step Functions
    knows the name, which is 90 days after the execution ended. Neither the tenant nor the correlation id is part of the
    input unless the contract says it, and what is secret is seen in the execution's history. Raises botocore's errors;
    grant `states:StartExecution`.
    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    """
    written = msgspec.json.encode(contract).decode()
    try:
        client("stepfunctions").start_execution(
            stateMachineArn=state_machine, name=execution_name(message), input=written
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != KNOWN:
            raise
        return False
    return True


def execution_name(message: Message) -> str:
    """The name of what the message starts: 64 hex digits, the same for every delivery and redrive of it."""
    return hashlib.sha256(message.cause.encode(errors="surrogatepass")).hexdigest()
