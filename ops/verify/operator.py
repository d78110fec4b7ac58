"""The operator's role, taken as the person on call takes it."""

from __future__ import annotations

from dataclasses import replace

import botocore.session
from botocore.exceptions import ClientError

from ops.errors import OpsError
from ops.stage import Stage, in_words
from stacks import names

HOUR = 3600


def as_operator(stage: Stage, run: str) -> Stage:
    """The stage, seen with the permissions of its operator's role and no others.

    Raises `OpsError` where the role is not there or may not be taken.
    """
    name = names.resource(stage.name, "operator")
    with in_words():
        try:
            (found,) = stage.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise OpsError(f"There is no stack {name} in {stage.region}: deploy stage {stage.name} first.") from None
        outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}
        taken = stage.client("sts").assume_role(RoleArn=outputs["RoleArn"], RoleSessionName=run, DurationSeconds=HOUR)[
            "Credentials"
        ]
    session = botocore.session.Session()
    bundle = stage.session.get_config_variable("ca_bundle")
    if bundle:
        session.set_config_variable("ca_bundle", bundle)
    session.set_credentials(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])
    return replace(stage, session=session, _clients={})
