"""Every role may do what is done with it, and nothing that nobody does."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import botocore.session
import pytest
from botocore import xform_name

from stacks.names import ROOT
from tests.permissions import needed
from tests.permissions.granted import Granted, like
from tests.permissions.proof import Proof, proof, proof_of_schedules


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    return proof(tmp_path_factory.mktemp("proven"))


def test_whatever_is_done_with_a_role_is_allowed(proven: Proof) -> None:
    assert proven.missing() == []


def test_whatever_a_role_is_allowed_is_done(proven: Proof) -> None:
    assert [(one.role, one.action, where) for one, where in proven.superfluous() if not _either(one, where)] == []


def _either(one: Granted, resource: str) -> bool:
    """Whether it is the domain of the sender: SES asks for the address or its domain, whichever is verified."""
    return one.action == "ses:SendEmail" and resource.endswith(f"/{needed.SENDER.partition('@')[2]}")


def test_without_any_one_action_something_fails(proven: Proof) -> None:
    unseen = [(one.role, one.action, one.resources) for one in proven.grants if not proven.missed(one)]
    assert unseen == []
    assert len(proven.grants) > 150


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    return proof_of_schedules(tmp_path_factory.mktemp("scheduled"))


def test_schedulers_role_and_the_operators_may_do_what_is_done_with_schedules_and_nothing_else(
    scheduled: Proof,
) -> None:
    assert scheduled.missing() == []
    assert [(one.role, one.action, where) for one, where in scheduled.superfluous()] == []
    assert [(one.role, one.action) for one in scheduled.grants if not scheduled.missed(one)] == []


def test_what_a_person_does_is_what_the_command_calls() -> None:
    described = {f"sqs:{action}" for action in (*needed.ON_DEAD, *needed.ON_WORK)} | set(needed.ON_ALL)
    described |= {f"dynamodb:{action}" for actions in needed.ON_TABLES.values() for action in actions}
    described |= {f"events:{action}" for action in (*needed.ON_ARCHIVE, *needed.ON_REPLAYS)}
    described |= {"scheduler:ListSchedules", *(f"scheduler:{action}" for action in needed.ON_SCHEDULES)}
    described |= {"events:ListTargetsByRule", "events:DescribeRule", "logs:StartQuery", "apigateway:GET"}
    assert set(_called()) - UNGRANTED == described


UNGRANTED = {
    "sts:GetCallerIdentity",  # everybody may
    # Dead letters of somebody else's function, which the caller's own role must allow.
    *("lambda:InvokeFunction", "lambda:GetFunctionEventInvokeConfig"),
    # `dead --all` asks a whole account, with an identity that may read it: docs/runbook.md names what that needs.
    "sns:GetSubscriptionAttributes",
}


def _called() -> Iterator[str]:
    """The actions of IAM behind what `python -m ops` calls: botocore's methods, and SQS's own client."""
    session = botocore.session.get_session()
    operations: dict[str, dict[str, str]] = {}
    for path in (ROOT / "ops").rglob("*.py"):
        if path.parent.name == "verify":
            continue  # it is for whoever deploys, and takes the operator's role only for what the others do
        tree = ast.parse(path.read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
        named = [(_name(call), _text(call)) for call in calls]
        for service in {text for name, text in named if name == "client" and text}:
            if service not in operations:
                model = session.get_service_model(service)
                operations[service] = {xform_name(each): each for each in model.operation_names}
            for name, text in named:
                operation = operations[service].get(text if name == "get_paginator" else name)
                if operation is not None:
                    yield _action(service, operation)
        if path.parent.name == "sqs":
            yield from (_action("sqs", text) for name, text in named if name in ("_call", "_batch") and text)


def _name(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def _text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _action(service: str, operation: str) -> str:
    if service == "apigateway":
        return "apigateway:GET"  # IAM knows its calls by their HTTP methods
    name = {"Invoke": "InvokeFunction"}.get(operation, operation)
    return f"{service}:{name if service == 'dynamodb' else name.removesuffix('Batch')}"


@pytest.mark.parametrize(
    ("pattern", "name", "alike"),
    [
        ("*", "anything", True),
        ("arn:aws:sqs:a:b:*", "arn:aws:sqs:a:b:c", True),
        ("secret:s-??????", "secret:s-AbCdEf", True),
        ("secret:s-??????", "secret:s-AbCdE", False),
        ("table/a", "table/ab", False),
        ("table.a", "tablexa", False),
    ],
)
def test_patterns_are_read_as_iam_reads_them(pattern: str, name: str, alike: bool) -> None:
    assert like(pattern, name) is alike


def test_a_grant_lets_through_what_its_conditions_say_and_nothing_else() -> None:
    from tests.permissions.granted import Request

    one = Granted("r", "lambda:UpdateEventSourceMapping", ("*",), (("lambda:FunctionArn", ("arn:ours-*",)),))
    ours = Request("r", "lambda:updateeventsourcemapping", "m", (("lambda:FunctionArn", "arn:ours-1"),))
    theirs = Request("r", "lambda:UpdateEventSourceMapping", "m", (("lambda:FunctionArn", "arn:theirs"),))
    assert one.lets(ours)
    assert not one.lets(theirs)
    assert not one.lets(Request("r", "lambda:UpdateEventSourceMapping", "m"))
    assert not Granted("other", one.action, ("*",)).lets(ours)
