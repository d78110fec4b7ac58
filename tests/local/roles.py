"""Roles in an emulator, and clients that act as one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

from local.aws import client
from local.emulator import Emulator
from local.state import ACCOUNT, REGION

Statement = Mapping[str, Any]
_NUMBERS = count()


def arn(service: str, resource: str) -> str:
    """The ARN of a resource of this account."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def allow(actions: str | Iterable[str], *resources: str, **conditions: Any) -> Statement:
    """A statement that allows them; `conditions` by their operators."""
    listed = [actions] if isinstance(actions, str) else list(actions)
    condition = {"Condition": conditions} if conditions else {}
    return {"Effect": "Allow", "Action": listed, "Resource": list(resources), **condition}


def policy(*statements: Statement) -> str:
    """The document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trusting(service: str, **condition: Any) -> Statement:
    """The statement by which a service may assume a role."""
    more = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **more}


def make(emulator: Emulator, *statements: Statement, trust: Statement | None = None, name: str = "") -> str:
    """A role that the account's root may assume, unless `trust` says who; its ARN."""
    iam, called = client("iam", emulator.endpoint), name or f"role-{next(_NUMBERS)}"
    anyone = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=called, AssumeRolePolicyDocument=policy(trust or anyone))
    if statements:
        iam.put_role_policy(RoleName=called, PolicyName="all", PolicyDocument=policy(*statements))
    return f"arn:aws:iam::{ACCOUNT}:role/{called}"


def session(emulator: Emulator, role: str) -> dict[str, str]:
    """The keys of a session of the role, as boto3 takes them."""
    answer = client("sts", emulator.endpoint).assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }


def acting(emulator: Emulator, *statements: Statement) -> Callable[[str], Any]:
    """Makes clients that may do what the statements say, and nothing else."""
    keys = session(emulator, make(emulator, *statements))
    return lambda service: client(service, emulator.endpoint, **keys)
