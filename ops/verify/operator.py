"""The operator's role, taken as the person on call takes it."""

from __future__ import annotations

from dataclasses import replace

import botocore.session

from ops.stage import Stage, in_words
from ops.verify.stack_output import outputs

HOUR = 3600


def as_operator(stage: Stage, run: str) -> Stage:
    """The stage, seen with the permissions of its operator's role and no others.

    Raises `OpsError` where the role is not there or may not be taken.
    """
    role = outputs(stage, "operator")["RoleArn"]
    with in_words():
        answer = stage.client("sts").assume_role(RoleArn=role, RoleSessionName=run, DurationSeconds=HOUR)
    taken = answer["Credentials"]
    session = botocore.session.Session()
    bundle = stage.session.get_config_variable("ca_bundle")
    if bundle:
        session.set_config_variable("ca_bundle", bundle)
    session.set_credentials(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])
    return replace(stage, session=session, _clients={}, urls={})
