"""The validator that API Gateway is built on takes and refuses the bodies that our gateway does."""

from __future__ import annotations

from collections import Counter

import pytest
from jsonschema import Draft4Validator

from functions.contracts.contract import Command
from local.gateway.errors import Refusal
from local.gateway.validation import check_body
from stacks.edge.model_schema import draft4
from tests.edge.conftest import Compared
from tests.edge.java import read

pytestmark = [pytest.mark.edge, pytest.mark.long]


def ours(model: Draft4Validator, body: str) -> str:
    try:
        check_body(body, model)
    except Refusal:
        return "refused"
    return "fits"


def test_both_validators_take_and_refuse_the_same(compared: Compared) -> None:
    models: dict[type[Command], Draft4Validator] = {}
    found: Counter[str] = Counter()
    differ = []
    for contract, body, (kind, *why) in compared.validated:
        model = models.setdefault(contract, Draft4Validator(draft4(contract)))
        found[kind] += 1
        if kind != ours(model, body):
            differ.append((contract.__name__, body[:200], kind, *map(read, why)))
    assert differ == []
    assert found.total() >= 400
    assert found["fits"] >= 40
