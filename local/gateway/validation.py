"""Request validation: required parameters, and the body against its model.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from jsonschema import Draft4Validator, ValidationError

from local.gateway.errors import Refusal

MOST = 5
"""Violations that one answer lists."""
LONGEST = 200
"""Characters of a place, and of a rule, that one answer shows."""


def check_parameters(required: Mapping[str, str], present: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse a request that lacks a required parameter or leaves it blank.

    `required` maps `method.request.<place>.<name>` to the place; `present` holds the parameters of each place. Names
    are compared exactly, those of headers too.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
    """
    names = {parameter: parameter.split(".", 3)[3] for parameter in required}
    missing = [name for parameter, name in names.items() if not present[required[parameter]].get(name, "").strip()]
    if missing:
        raise Refusal("BAD_REQUEST_PARAMETERS", f"Missing required request parameters: [{', '.join(sorted(missing))}]")


def check_body(body: str, model: Draft4Validator) -> None:
    """Refuse a body that is not JSON or does not fit the model. An empty one reads as `{}`."""
    try:
        value = json.loads(body or "{}", parse_constant=_constant)
    except (ValueError, RecursionError):
        raise Refusal("BAD_REQUEST_BODY", "Invalid request body", "[not JSON]") from None
    try:
        violations = sorted(model.iter_errors(value), key=lambda violation: violation.json_path)
    except RecursionError:
        raise Refusal("BAD_REQUEST_BODY", "Invalid request body", "[nested too deeply]") from None
    except ArithmeticError:
        # API Gateway's validator counts exactly, and most likely refuses it, too.
        raise Refusal("BAD_REQUEST_BODY", "Invalid request body", "[a number that is too large]") from None
    if violations:
        detail = ", ".join(_in_words(violation) for violation in violations[:MOST])
        raise Refusal("BAD_REQUEST_BODY", "Invalid request body", f"[{detail}]")


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _in_words(violation: ValidationError) -> str:
    """The place and the rule in one printable line, without the caller's value, which may be long or private."""
    place = json.dumps("#/" + "/".join(str(step) for step in violation.absolute_path))[1:-1][:LONGEST]
    rule: Any = violation.validator_value
    match violation.validator:
        case "required":
            rule = next(name for name in rule if repr(name) in violation.message)
        case "additionalProperties":
            value: Any = violation.instance
            known: Any = violation.schema
            rule = sorted(set(value) - set(known.get("properties", ())))
    return f"{place} breaks {violation.validator}: {json.dumps(rule)[:LONGEST]}"
