"""IAM's actions, as AWS lists them: which there are, and on what resources each of them can be allowed.

The list is the one that cfn-lint keeps of the Service Authorization Reference; it is read where it is asked for.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

ON_ITEMS = (
    *("BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem", "DescribeTable", "GetItem", "PutItem"),
    *("Query", "Scan", "UpdateItem", "PartiQLDelete", "PartiQLInsert", "PartiQLSelect", "PartiQLUpdate"),
)
"""DynamoDB's actions by which a function uses a table, as opposed to those by which somebody manages it."""
_PARTIQL = ("PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete")
IN_PARTS = {
    "TransactGetItems": ("GetItem",),
    "TransactWriteItems": ("ConditionCheckItem", "PutItem", "UpdateItem", "DeleteItem"),
    **dict.fromkeys(("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"), _PARTIQL),
}
"""DynamoDB's operations that are no actions: each is allowed by the actions of its parts.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html"""

WITHOUT_RESOURCE = ("cloudwatch:getmetricdata", "logs:getqueryresults")
"""Actions that AWS lists with a resource which most calls do not name: data sets, and groups of one kind of query."""
RESOURCE_OPTIONAL = (
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
    "cloudwatch:putmetricdata",
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonpolly.html
    *("polly:synthesizespeech", "polly:startspeechsynthesistask"),
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazontranslate.html
    *("translate:translatedocument", "translate:translatetext"),
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncomprehend.html
    *("comprehend:classifydocument", "comprehend:detectentities"),
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrekognition.html
    "rekognition:detectmoderationlabels",
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscostexplorerservice.html
    *("ce:getcostandusage", "ce:getcostandusagewithresources", "ce:getcostforecast", "ce:getusageforecast"),
    *("ce:getdimensionvalues", "ce:gettags", "ce:getcostcategories"),
    # A telephone number is no resource; whoever may send to one may publish to every topic.
    # https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html
    "sns:publish",
)
"""Actions that AWS lists with a resource and that common calls are made without: those are allowed on `*` alone."""
ANY_REGION = ("bedrock",)
"""Services that pass a call on to other regions, so that policies name their resources in all of them, or in none.
https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html"""
_PLACES = {"Partition": "[a-z-]+", "Region": "[a-z0-9-]+", "Account": r"\d{12}", "AccountId": r"\d{12}"}
# The list does not tell a bucket from what is in it.
_EXACT = {"s3:object": "arn:${Partition}:s3:::.*/.*", "s3:bucket": "arn:${Partition}:s3:::[^/]*"}


@cache
def _list() -> dict[str, msgspec.Raw]:
    spec = find_spec("cfnlint")
    assert spec is not None, "cfn-lint is not installed; run `make setup`"
    assert spec.origin is not None
    path = Path(spec.origin).with_name("data") / "AdditionalSpecs" / "Policies.json"
    return msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])


@cache
def _service(prefix: str) -> dict[str, Any]:
    found = _list().get(prefix)
    return {"Actions": {}, "Resources": {}} if found is None else msgspec.json.decode(found)


def _split(action: str) -> tuple[str, str]:
    """The service's prefix and the action's name, of which IAM sees no case."""
    prefix, _, name = action.lower().partition(":")
    return prefix, name


def is_service(prefix: str) -> bool:
    """Whether some of IAM's actions begin with that word."""
    return prefix in _list()


def exists(action: str) -> bool:
    """Whether IAM knows the action, such as `sqs:SendMessage`; one with wildcards, whether it stands for any."""
    prefix, name = _split(action)
    known = _service(prefix)["Actions"]
    if "*" not in name and "?" not in name:
        return name in known
    pattern = re.escape(name).replace(r"\*", ".*").replace(r"\?", ".")
    return any(re.fullmatch(pattern, each) for each in known)


def nearest(action: str) -> str | None:
    """The action that was probably meant, None if nothing is like it."""
    prefix, name = _split(action)
    if prefix not in _list():
        prefix = next(iter(get_close_matches(prefix, _list(), 1)), prefix)
    cased = {each.lower(): each for each in ON_ITEMS} if prefix == "dynamodb" else {}
    found = get_close_matches(name, _service(prefix)["Actions"], 1)
    return f"{prefix}:{cased.get(found[0], found[0])}" if found else None


def formats(action: str) -> list[str]:
    """The ARNs on which the action can be allowed, `.*` standing for names; none if it knows no resource but `*`."""
    prefix, name = _split(action)
    if f"{prefix}:{name}" in WITHOUT_RESOURCE:
        return []
    service = _service(prefix)
    found: list[str] = []
    for kind in service["Actions"].get(name, {}).get("Resources", ()):
        exact = _EXACT.get(f"{prefix}:{kind.lower()}")
        found += [exact] if exact else service["Resources"].get(kind.lower(), {}).get("ARNFormats", ())
    return found


def fits(action: str, resource: str) -> bool:
    """Whether the resource, an ARN without placeholders, is of a kind on which the action can be allowed."""
    if resource == "*":
        return is_without_resource(action)
    return any(re.fullmatch(_pattern(each), resource) for each in formats(action))


def is_without_resource(action: str) -> bool:
    """Whether the action is allowed on `*`: AWS knows no resource for it, or many calls name none."""
    return not formats(action) or ":".join(_split(action)) in RESOURCE_OPTIONAL


def names_nothing(action: str, resource: str) -> bool:
    """Whether the resource stands for all of its kind: where its name begins, there is a wildcard."""
    heads = (each.partition(".*")[0].partition("[^/]*")[0] for each in formats(action))
    if resource == "*":
        return not is_without_resource(action)
    return any(re.match(_pattern(head) + r"[*?]", resource) for head in heads)


def _pattern(arn: str) -> str:
    """What a format of the list matches. Only `.*`, `[^/]*` and placeholders are more than letters in it."""
    service = arn.split(":")[2]
    parts = re.split(r"(\.\*|\[\^/\]\*|\$\{\w+\})", arn)
    return "".join(_part(part, service) for part in parts)


def _part(part: str, service: str) -> str:
    if part == "${Region}" and service in ANY_REGION:
        return r"(?:[a-z0-9-]*|\*)"
    if part.startswith("${"):
        return _PLACES.get(part[2:-1], "[^:/]+")
    return part.replace("*", "+") if part in (".*", "[^/]*") else re.escape(part)


def forms(action: str, resource: str) -> list[str]:
    """The formats of what the action is for, those first that are most like the resource."""
    return get_close_matches(resource, formats(action), 3, 0)


def refusals(actions: Iterable[str]) -> Iterator[str]:
    """What is wrong with DynamoDB's actions on a table, one sentence each, without the entry's name."""
    for action in actions:
        name = action.removeprefix("dynamodb:")
        if name in IN_PARTS:
            yield f"{action!r} is no action, its parts are; write those that are needed of {', '.join(IN_PARTS[name])}."
        elif action not in ON_ITEMS:
            near = get_close_matches(name, ON_ITEMS, 1)
            yield f"{action!r} is no action of IAM's on a table's items; " + (
                f"write {near[0]}." if near else f"choose of {', '.join(ON_ITEMS)}."
            )
