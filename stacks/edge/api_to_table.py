"""What of a table can be read by the REST API: API Gateway asks DynamoDB itself, no Lambda function in between."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks import names
from stacks.edge import mapping_template, method, read_template
from stacks.edge.content_type import SPELLINGS
from stacks.entry import Authorized
from stacks.parts import arn
from stacks.parts.customer_key import key_grant
from stacks.settings import Settings
from stacks.status import Read

_ANSWERED = (
    *(mapping_template.CORRELATION_ID, mapping_template.TENANT, "Retry-After"),
    *(read_template.ETAG, read_template.CACHE),
)


class ApiToTable(Construct):
    """A method that asks for one item, and answers with fields of it.

    The table is found by its name, so that the stacks share no exports. The role may do nothing but get items of that
    table. Like a route's, it has no condition on who assumes it (docs/decisions.md).
    """

    def __init__(self, api: apigateway.RestApi, *, read: Read, settings: Settings, **options: Any) -> None:
        route = read.route
        super().__init__(api, route.name.replace("/", "."))
        table = names.resource(settings.stage, read.table)
        self.role = iam.Role(
            self,
            f"Role-{table}",
            description=f"Lets {route.name} read {table}.",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            inline_policies={
                "read": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["dynamodb:GetItem"], resources=[arn.table(self, table)]),
                        # DynamoDB asks the key for whoever reads.
                        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
                        *key_grant(settings, "kms:Decrypt"),
                    ]
                )
            },
        )
        authorized = route.authorized(settings.authorization)
        named = method.callers(route, authorized, settings)
        template = named + read_template.request(read, authorized, table)
        # It is no part of the method, of which a change makes a new deployment.
        if api.latest_deployment is not None:
            api.latest_deployment.add_to_logical_id({"template": template})
        self.method = api.root.resource_for_path(route.path).add_method(
            route.method,
            apigateway.AwsIntegration(
                service="dynamodb",
                action="GetItem",
                integration_http_method="POST",
                options=apigateway.IntegrationOptions(
                    credentials_role=self.role,
                    passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                    request_templates=dict.fromkeys(SPELLINGS, method.once(self, template)),
                    integration_responses=_responses(read, authorized, named),
                    timeout=Duration.seconds(10),
                ),
            ),
            # None is required: API Gateway would compare the name's case. The template asks for what must be there.
            request_parameters={
                f"method.request.header.{name}": False
                for name in (mapping_template.CORRELATION_ID, "If-None-Match", route.tenant_header)
                if name is not None
            },
            request_validator=method.validator(self, api),
            method_responses=[
                apigateway.MethodResponse(
                    status_code=status,
                    response_parameters={f"method.response.header.{name}": True for name in _ANSWERED},
                )
                for status in ("200", "400", "500", "503")
            ],
            **options,
        )
        method.accept_its_callers(self.method, options)


def _responses(read: Read, authorized: Authorized, named: str) -> list[apigateway.IntegrationResponse]:
    """DynamoDB's statuses and our answers. The one without a pattern takes whatever the others leave: no success.

    `named` is what says whose key was shown, before each of them.
    """
    answers = {
        ("200", r"2\d{2}"): read_template.found(read, authorized),
        ("400", r"4\d{2}"): read_template.refused(read, authorized),
        ("503", r"5\d{2}"): read_template.failed(read, authorized, busy=True),
        ("500", None): read_template.failed(read, authorized, busy=False),
    }
    return method.responses(answers, named)
