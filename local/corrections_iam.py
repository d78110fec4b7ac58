"""What the emulator's IAM decides otherwise than AWS, corrected. Part of `local/corrections.py`, in its process.

Sources: the Service Authorization Reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html,
a page a service.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextvars import ContextVar
from email.utils import parseaddr
from typing import Any

from ministack.core import iam_actions as actions
from ministack.core import iam_evaluator as evaluator
from ministack.core import sigv4
from ministack.services import lambda_svc, ses_v2, sqs, sts

MAPPINGS = {
    "GET": "GetEventSourceMapping",
    "PUT": "UpdateEventSourceMapping",
    "DELETE": "DeleteEventSourceMapping",
}
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
PARTIQL = (
    ("PartiQLSelect", re.compile(r'\bFROM\s+"?([\w.-]+)"?(?:\."([\w.-]+)")?', re.IGNORECASE)),
    ("PartiQLInsert", re.compile(r'\s*INSERT\s+INTO\s+"?([\w.-]+)"?', re.IGNORECASE)),
    ("PartiQLUpdate", re.compile(r'\s*UPDATE\s+"?([\w.-]+)"?', re.IGNORECASE)),
    ("PartiQLDelete", re.compile(r'\s*DELETE\s+FROM\s+"?([\w.-]+)"?', re.IGNORECASE)),
)

also: ContextVar[tuple[str, ...]] = ContextVar("also", default=())
"""The resources of a request behind its first: it is allowed where it is allowed on each."""
told: ContextVar[dict[str, list[str]] | None] = ContextVar("told", default=None)
"""The sources and types of the events of a request, by the condition keys that are about them."""


passed: ContextVar[str] = ContextVar("passed", default="")
"""The role that a request hands to a schedule, which needs `iam:PassRole` on it."""


def is_root(key: str) -> bool:
    """Whether the key is the account's root's: the random one of this run, and no other."""
    return bool(key) and key == os.environ["AWS_ACCESS_KEY_ID"]


def is_trusted_unsigned(_key: str) -> bool:
    """Whose signature is not checked: nobody's. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html."""
    return False


def action_of(*request: Any, of: Any = actions.extract_iam_action) -> str | None:
    """The IAM action of a request.

    A batch call of SQS needs the action of its single call, and event source mappings have actions of their own.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """
    service, method, path = request[:3]
    if service == "lambda" and re.search(r"/event-source-mappings/[^/]+$", path):
        return f"lambda:{MAPPINGS[method]}" if method in MAPPINGS else None
    found: str | None = of(*request)
    if service != "sqs" or not found:
        return found
    # What is no action cannot be allowed: it is refused as InvalidAction, whoever asks.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
    return found.removesuffix("Batch") if found.partition(":")[2] in sqs._HANDLERS else None


def resource_of(*request: Any, of: Any = actions.extract_resource_arn) -> str:
    """The ARN on which a request is judged; further ones are kept in `also`."""
    service, method, path, _, body, query, region, account = request
    here = f"arn:aws:events:{region}:{account}"
    also.set(())
    passed.set(_role(body) if service == "scheduler" and method in ("POST", "PUT") else "")
    if service == "scheduler" and path.startswith("/schedules/"):
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgescheduler.html
        named = query.get("groupName", "default")
        group = _field(body, "GroupName") or (named[0] if isinstance(named, list) else named)
        return f"arn:aws:scheduler:{region}:{account}:schedule/{group}/{path.rpartition('/')[2]}"
    told.set(_events(body) if service == "events" else None)
    if service == "ses" and method == "POST" and path.rstrip("/").endswith("/outbound-emails"):
        return identity_of(_field(body, "FromEmailAddress"), region, account)
    if service == "events" and (rule := _field(body, "Rule")):
        bus = _field(body, "EventBusName").rpartition("/")[2] or "default"
        return f"{here}:rule/{'' if bus == 'default' else f'{bus}/'}{rule}"
    if service == "events" and (archive := _field(body, "ArchiveName")):
        return f"{here}:archive/{archive}"
    if service == "events" and (replay := _field(body, "ReplayName")):
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
        also.set(tuple(arn for arn in (_field(body, "EventSourceArn"), _destination(body)) if arn))
        return f"{here}:replay/{replay}"
    if service == "logs" and (groups := _log_groups(body)):
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
        stream = _field(body, "logStreamName")
        first, *others = (f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}" for group in groups)
        also.set(tuple(others))
        return first
    found: str = of(*request)
    return found


def identity_of(sender: str, region: str, account: str) -> str:
    """The SES identity that an e-mail is sent with: the verified address, else its domain.

    https://docs.aws.amazon.com/ses/latest/dg/sending-authorization-policies.html
    """
    address = parseaddr(sender)[1]
    name = address if address in ses_v2._identities else address.rpartition("@")[2]
    return f"arn:aws:ses:{region}:{account}:identity/{name}"


def parts_of_statements(action: str, body: bytes, region: str, account: str, of: Any) -> list[tuple[str, str]]:
    """The actions of DynamoDB that a request needs, each on its table: those of a transaction, and PartiQL's."""
    asked = json.loads(body or b"{}")
    statements = {
        "dynamodb:ExecuteStatement": [asked],
        "dynamodb:BatchExecuteStatement": asked.get("Statements", []),
        "dynamodb:ExecuteTransaction": asked.get("TransactStatements", []),
    }.get(action)
    if statements is None:
        found: list[tuple[str, str]] = of(action, body, region, account)
        return found
    needed = []
    for each in statements:
        text = str(each.get("Statement", ""))
        name, match = next(
            ((name, match) for name, pattern in reversed(PARTIQL) if (match := pattern.match(text))),
            (PARTIQL[0][0], PARTIQL[0][1].search(text)),
        )
        if match:
            index = f"/index/{match[2]}" if len(match.groups()) > 1 and match[2] else ""
            needed.append((f"dynamodb:{name}", f"arn:aws:dynamodb:{region}:{account}:table/{match[1]}{index}"))
    return needed


def transaction_checks(
    action: str, body: bytes, region: str, account: str, of: Any = actions.dynamodb_transaction_checks
) -> list[tuple[str, str]]:
    """What a transaction or a PartiQL statement needs; nothing of its own for any other call."""
    try:
        return parts_of_statements(action, body, region, account, of)
    except (ValueError, AttributeError, TypeError):
        return []


def enforce(
    key: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
    of: Any = evaluator.enforce,
) -> Any:
    """Judge a request on each of its resources; a mapping's is judged by its function, too, events by what they are.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    context = {**(service_context or {}), **(told.get() or {})}
    if ":event-source-mapping:" in resource_arn and (mapping := lambda_svc._esms.get(resource_arn.rpartition(":")[2])):
        context["lambda:FunctionArn"] = mapping["FunctionArn"]
    others, role = also.get(), passed.get()
    also.set(())
    passed.set("")
    for arn in (resource_arn, *others):
        if denied := of(key, action, service, region, resource_arn=arn, service_context=context):
            return denied
    if role:
        # https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role
        to = {"iam:passedtoservice": "scheduler.amazonaws.com"}
        return of(key, "iam:PassRole", "iam", region, resource_arn=role, service_context=to)
    return None


def denial(
    service: str, action: str, principal: str, request_id: str, of: Any = actions.access_denied_response, **more: Any
) -> Any:
    """Refuse, and name the resource, as AWS does for every service.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    resource, explicit = more.get("resource_arn", "*"), more.get("explicit_deny", False)
    if not more.get("error_code") and not more.get("message") and not more.get("resource_policy_arn"):
        more["message"] = actions.identity_denial_message(action, principal, resource, explicit)
    return of(service, action, principal, request_id, **more)


def signature_failure(
    signature: Any,
    secret: str,
    method: str,
    path: str,
    query: Any,
    headers: Any,
    body: bytes,
    *,
    of: Any = sigv4.header_signature_failure,
    **more: Any,
) -> tuple[str, str] | None:
    """Why a signature is refused: also where it was made for another body. Only S3 takes a header's word for the hash.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    found = hashlib.sha256(body).hexdigest()
    if signature.service != "s3" and headers.get("x-amz-content-sha256", found) != found:
        return "SignatureDoesNotMatch", sigv4.SIGNATURE_MISMATCH
    failure: tuple[str, str] | None = of(signature, secret, method, path, query, headers, body, **more)
    return failure


def _field(body: bytes, name: str) -> str:
    try:
        found = json.loads(body or b"{}").get(name)
    except (ValueError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""


def _role(body: bytes) -> str:
    """The role of a schedule's target."""
    try:
        return str(json.loads(body)["Target"]["RoleArn"])
    except (ValueError, KeyError, TypeError):
        return ""


def _destination(body: bytes) -> str:
    """The bus that a replay is to."""
    try:
        return str(json.loads(body)["Destination"]["Arn"])
    except (ValueError, KeyError, TypeError):
        return ""


def _events(body: bytes) -> dict[str, list[str]]:
    """The condition keys of PutEvents with every value that its entries give them."""
    try:
        entries = json.loads(body)["Entries"]
        values = {"events:source": "Source", "events:detail-type": "DetailType"}
        return {key: sorted({str(entry[name]) for entry in entries if name in entry}) for key, name in values.items()}
    except (ValueError, KeyError, TypeError):
        return {}


def _log_groups(body: bytes) -> list[str]:
    """The names of the log groups that a request to CloudWatch Logs is about."""
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return []
    several = [*asked.get("logGroupNames", []), *asked.get("logGroupIdentifiers", [])]
    one = [asked[name] for name in ("logGroupName", "logGroupIdentifier") if isinstance(asked.get(name), str)]
    return [name.partition(":log-group:")[2].removesuffix(":*") or name for name in [*one, *several]]


def correct() -> None:
    """Replace what decides otherwise than AWS."""
    for module in (evaluator, sts):
        module.is_root_access_key = is_root
    evaluator._is_root_key = is_trusted_unsigned
    evaluator.enforce = enforce
    sigv4.header_signature_failure = signature_failure
    actions.extract_iam_action = action_of
    actions.extract_resource_arn = resource_of
    actions.dynamodb_transaction_checks = transaction_checks
    actions.access_denied_response = denial
