"""What services of AWS may do on our behalf: with a role that they can assume, or where a resource's policy lets them.

Part of `local/corrections.py`, in the emulator's process, which by itself lets its services do everything.
"""

from __future__ import annotations

import secrets
import time
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator as evaluator
from ministack.core import lambda_runtime as runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, iam, lambda_svc, sqs, sts
from ministack.services.cloudformation import provisioners

SERVICE = "x-headrace-service"
"""The header by which our gateway says, with root's key, that it assumes a role as that service of AWS."""
POLLED = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions"""

assuming: ContextVar[str] = ContextVar("assuming", default="")
"""The service of AWS for which a role is assumed."""
sessions: dict[tuple[str, str], dict[str, str]] = {}
"""The credentials of functions, by function and role."""
polls: dict[tuple[str, str], tuple[float, str | None]] = {}
"""Why a role may not poll a queue, and until when that is not looked up again: mappings are asked all the time."""


def may(role_arn: str, action: str, resource: str, service: str) -> bool:
    """Whether the role's policies allow the action, together with the resource's own policy."""
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    context = evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/{service}",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        secure_transport=True,
    )
    result = evaluator.evaluate(context, evaluator._gather_role_policies(name, account))
    if found := evaluator._resource_policy(action.partition(":")[0], resource):
        result = evaluator.combine_resource_policy(result, context, *found)
    return bool(result.decision == "Allow")


def service_may_assume(document: Any, service: str, role_arn: str, source: str) -> bool:
    """Whether a role's trust policy lets a service of AWS take it on behalf of that resource of this account."""
    account = role_arn.split(":")[4]
    context = evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=get_region(),
        secure_transport=True,
        service_context={"aws:sourceaccount": account, "aws:sourcearn": source},
    )
    return bool(evaluator.evaluate_resource_policy(document, context, service=service).decision == "Allow")


def credentials_of(config: dict[str, Any]) -> dict[str, str]:
    """A session of the function's execution role, which Lambda has to be able to assume.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    """
    function, role_arn = config["FunctionArn"], config.get("Role", "")
    role = lambda_role(role_arn)
    if role is None or not service_may_assume(
        role.get("AssumeRolePolicyDocument", "{}"), "lambda.amazonaws.com", role_arn, function
    ):
        raise RuntimeError("The role defined for the function cannot be assumed by Lambda.")
    if (function, role_arn) not in sessions:
        name, session = role_arn.rpartition("/")[2], config["FunctionName"][:64]
        made = {
            "AWS_ACCESS_KEY_ID": f"ASIA{secrets.token_hex(8).upper()}",
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30),
            "AWS_SESSION_TOKEN": secrets.token_urlsafe(60),
        }
        sts.register_session(
            made["AWS_ACCESS_KEY_ID"],
            {
                "Arn": f"arn:aws:sts::{get_account_id()}:assumed-role/{name}/{session}",
                "UserId": f"{role.get('RoleId', name)}:{session}",
                "SecretAccessKey": made["AWS_SECRET_ACCESS_KEY"],
                "SessionToken": made["AWS_SESSION_TOKEN"],
                "AccountId": get_account_id(),
                "PrincipalType": "AssumedRole",
            },
        )
        sessions[function, role_arn] = made
    return dict(sessions[function, role_arn])


def lambda_role(role_arn: str) -> Any:
    """The role that a function names, or None."""
    return iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rpartition("/")[2]) if role_arn else None


def workers_of(
    mapping: dict[str, Any],
    function: dict[str, Any],
    config: dict[str, Any],
    queue: Any = None,
    of: Any = lambda_svc._sqs_esm_concurrency,
) -> int:
    """How many batches a mapping of a queue may have in flight: none, where its function's role may not poll."""
    asked, now = (config.get("Role", ""), mapping["EventSourceArn"]), time.monotonic()
    until, why = polls.get(asked, (0.0, None))
    if now > until:
        why = unpolled(*asked)
        polls[asked] = now + 1, why
    if why:
        return 0
    found: int = of(mapping, function, config, queue)
    return found


def unpolled(role_arn: str, queue_arn: str) -> str | None:
    """Why Lambda cannot poll the queue with that role, or None."""
    missing = next((each for each in POLLED if not may(role_arn, each, queue_arn, "lambda")), None)
    if missing is None:
        return None
    named = missing.partition(":")[2]
    return f"The provided execution role does not have permissions to call {named} on SQS"


def create_mapping(data: dict[str, Any], create: Any = lambda_svc._create_esm) -> Any:
    """Refuse the mapping of a queue which its function's role may not poll.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    if why := _unpolled(data):
        return lambda_svc.error_response_json("InvalidParameterValueException", why, 400)
    return create(data)


def provision_mapping(
    logical_id: str, properties: dict[str, Any], stack: str, create: Any = provisioners._lambda_esm_create
) -> Any:
    """The same, where CloudFormation makes it."""
    if why := _unpolled(properties):
        raise ValueError(f"{why} (Service: Lambda, Status Code: 400)")
    return create(logical_id, properties, stack)


def _unpolled(properties: dict[str, Any]) -> str | None:
    source = properties.get("EventSourceArn", "")
    name = properties.get("FunctionName", "").rpartition(":function:")[2].partition(":")[0]
    function = lambda_svc._functions.get(name)
    if ":sqs:" not in source or function is None:
        return None
    return unpolled(function["config"].get("Role", ""), source)


def invoke_target(
    target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None, invoke: Any = eventbridge._invoke_target
) -> None:
    """Deliver an event to a queue that lets this rule send, else put it into the target's DLQ, if that lets it.

    A schedule sends with its target's role instead.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    arn, source = target.get("Arn", ""), rule.get("Arn", "")
    if ":sqs:" not in arn:
        invoke(target, event, rule, view)
    elif role := target.get("RoleArn"):
        if may(role, "sqs:SendMessage", arn, "scheduler"):
            invoke(target, event, rule, view)
    elif sqs.queue_policy_allows(arn, "events.amazonaws.com", source, get_account_id()):
        invoke(target, event, rule, view)
    elif (dead := target.get("DeadLetterConfig", {}).get("Arn")) and sqs.queue_policy_allows(
        dead, "events.amazonaws.com", source, get_account_id()
    ):
        invoke({"Id": target.get("Id", ""), "Arn": dead}, event, rule, view)
        _explain(sqs._queue_by_arn(dead), rule=source, target=arn)


def _explain(queue: Any, *, rule: str, target: str) -> None:
    """Say in the message that just came into a DLQ where it should have gone, and why it could not."""
    told = {
        "RULE_ARN": rule,
        "TARGET_ARN": target,
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": f"User: events.amazonaws.com is not authorized to perform: sqs:SendMessage on: {target}",
    }
    queue["messages"][-1]["message_attributes"] = {
        name: {"DataType": "String", "StringValue": value} for name, value in told.items()
    }


def trusts(document: Any, caller: str, context: Any = None, of: Any = evaluator.evaluate_trust_policy) -> bool:
    """Whether the caller may assume a role; our gateway does it as the service that it stands for."""
    service = assuming.get()
    if service and caller.endswith(":root") and context is not None:
        source = f"arn:aws:execute-api:{get_region()}:{get_account_id()}:local/*"
        return service_may_assume(document, service, context.resource_arn, source)
    found: bool = of(document, caller, context)
    return found


async def assume(
    method: str, path: str, headers: Any, body: bytes, query: Any, handle: Any = sts.handle_request
) -> Any:
    """Serve STS, and know for which service of AWS the caller assumes a role."""
    token = assuming.set(headers.get(SERVICE, ""))
    try:
        return await handle(method, path, headers, body, query)
    finally:
        assuming.reset(token)


def write_logs(
    function: dict[str, Any], *arguments: Any, write: Any = lambda_svc._emit_lambda_logs, **more: Any
) -> None:
    """Write a function's log as its role, which may not be allowed to; then Lambda writes nothing, and says nothing.

    https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """
    config = function.get("config") or function
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName')}"
    streams = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:"
    if all(
        may(config.get("Role", ""), f"logs:{each}", streams, "lambda") for each in ("CreateLogStream", "PutLogEvents")
    ):
        write(function, *arguments, **more)


def correct() -> None:
    """Let services do what they may, and nothing else."""
    evaluator.evaluate_trust_policy = trusts
    sts.handle_request = assume
    for module in (runtime, lambda_svc):
        module.execution_credentials = credentials_of
    lambda_svc._sqs_esm_concurrency = workers_of
    lambda_svc._create_esm = create_mapping
    lambda_svc._emit_lambda_logs = write_logs
    provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]["create"] = provision_mapping
    eventbridge._invoke_target = invoke_target
