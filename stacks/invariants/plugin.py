"""The rules as a plugin of the CDK: whoever synthesizes a template that breaks one fails, in words."""

from __future__ import annotations

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)

from stacks import names
from stacks.invariants.assembly import Assembly
from stacks.invariants.rules import RULES


@jsii.implements(IPolicyValidationPlugin)
class Invariants:
    """Checks every rule over all templates together, also where CDK_VALIDATION=false turns off CloudFormation's own."""

    @property
    def name(self) -> str:
        """What a rule's id is prefixed with."""
        return names.PROJECT

    @property
    def version(self) -> str:
        """The CDK asks for one; rules change with the templates they hold for."""
        return "1"

    @property
    def rule_ids(self) -> list[str]:
        """The ids of all rules."""
        return [rule.id for rule in RULES]

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """What breaks a rule, resource by resource."""
        accounts = {each.account_id for each in context.stack_templates if each.account_id}
        assembly = Assembly.read(context.template_paths, accounts=accounts)
        violations = [
            PolicyViolation(
                rule_name=rule.id,
                description=f"{rule.sentence} Here: {found}.",
                fix=rule.fix,
                severity="error",
                rule_metadata={"source": rule.source},
                violating_resources=[
                    PolicyViolatingResource(
                        resource_logical_id=resource.logical_id,
                        template_path=resource.template,
                        locations=["Properties"],
                    )
                ],
            )
            for rule in RULES
            for resource, found in rule.check(assembly)
        ]
        return PolicyValidationPluginReport(success=not violations, violations=violations)
