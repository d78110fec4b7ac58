"""CloudFormation's intrinsic functions, as far as a REST API's template needs them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.gateway.errors import UnsupportedError

# The property that a resource is called by, where its Ref is not its logical id.
NAMES = {"AWS::Lambda::Function": "FunctionName", "AWS::IAM::Role": "RoleName", "AWS::Logs::LogGroup": "LogGroupName"}
ARNS = {
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
}


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """Resolves the values of one template for an account and a region."""

    resources: Mapping[str, Any]
    account: str
    region: str
    mappings: Mapping[str, Any] = field(default_factory=dict)

    def resolve(self, value: Any) -> Any:
        """The value with every intrinsic function replaced. Raises `UnsupportedError` for an unknown one."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref":
                return self._reference(argument)
            if name.startswith("Fn::"):
                return self._function(name.removeprefix("Fn::"), argument)
        return {name: self.resolve(item) for name, item in value.items()}

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Join":
                separator, parts = argument
                return separator.join(str(part) for part in self.resolve(parts))
            case "Sub":
                text, given = argument if isinstance(argument, list) else (argument, {})
                values = self.resolve(given)
                return re.sub(r"\$\{([^!}]+)\}", lambda found: str(self._variable(found[1], values)), text)
            case "GetAtt":
                logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
                return self._attribute(logical_id, attribute)
            case "Select":
                index, items = argument
                return self.resolve(items)[int(index)]
            case "FindInMap":
                mapping, key, name = self.resolve(argument)
                return self.mappings[mapping][key][name]
            case "Split":
                separator, text = argument
                return self.resolve(text).split(separator)
        raise UnsupportedError(f"Fn::{name} is not resolved locally")

    def _variable(self, name: str, given: Mapping[str, Any]) -> Any:
        if name in given:
            return given[name]
        logical_id, _, attribute = name.partition(".")
        return self._attribute(logical_id, attribute) if attribute else self._reference(name)

    def _reference(self, name: str) -> str:
        match name:
            case "AWS::AccountId":
                return self.account
            case "AWS::Region":
                return self.region
            case "AWS::Partition":
                return "aws"
            case "AWS::URLSuffix":
                return "amazonaws.com"
            case "AWS::NoValue":
                return ""
        return self._name(name)

    def _name(self, logical_id: str) -> str:
        if logical_id not in self.resources:
            raise UnsupportedError(f"{logical_id} is neither a resource of the template nor a pseudo parameter")
        resource = self.resources[logical_id]
        called = NAMES.get(resource["Type"])
        return str(self.resolve(resource["Properties"].get(called, logical_id))) if called else logical_id

    def _attribute(self, logical_id: str, attribute: str) -> str:
        resource = self.resources[logical_id]
        if attribute == "Arn" and resource["Type"] in ARNS:
            return ARNS[resource["Type"]].format(account=self.account, region=self.region, name=self._name(logical_id))
        return f"{logical_id}.{attribute}"
