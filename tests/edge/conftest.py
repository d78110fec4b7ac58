"""One run of our gateway and one of Java over the same corpus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from functions.contracts.contract import Command
from local.gateway.api import Api
from stacks.edge.model_schema import draft4
from stacks.entry import Topology
from tests.edge import java
from tests.edge.corpus import bodies, requests
from tests.edge.java import mapping, text
from tests.edge.recording import Recorded, Rendering, record
from tests.edge.wide import CONTRACTS
from tests.examples import examples
from tests.local.gateway.assemblies import synthesize
from tests.local.gateway.callers import CREDENTIALS, KINDS, trusting
from tests.local.gateway.test_lanes import WAYS, laned
from tests.sample.topology import SAMPLE

EACH, FAILING = examples(680), 12
"""Requests to each of the sample's routes, and how often SQS fails."""
CALLED: dict[str, tuple[str, ...]] = {"jwt": ("iam",), "api_key": ("api_key",), "iam": ("iam", "jwt")}
"""Each kind of authorization, and whose callers may name a tenant then: nobody's, or some."""
EACH_OF_CALLERS = 40
"""Requests to each of the sample's routes by each of them."""
EACH_OF_OURS, FAILING_FOR_OURS = 40, 3
"""The same for the project's own routes."""


@dataclass(frozen=True)
class Compared:
    """What ours made, and the answers of Java in the same order."""

    apis: list[Api]
    recorded: list[Recorded]
    renderings: list[tuple[Rendering, java.Answer]]
    validated: list[tuple[type[Command], str, java.Answer]]


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory, topology: Topology) -> Compared:
    java.check()
    apis, recorded = [], []
    contracts = dict.fromkeys(CONTRACTS)
    with pytest.MonkeyPatch.context() as patch:
        for each, number, failing in ((SAMPLE, EACH, FAILING), (topology, EACH_OF_OURS, FAILING_FOR_OURS)):
            if each.routes:
                folder = synthesize(tmp_path_factory.mktemp("edge"), topology=each)
                sent = (one for seed, route in enumerate(each.routes) for one in requests(route, number, seed))
                api, answered = record(_template(folder), sent, patch, failing=failing)
                patch.undo()
                apis.append(api)
                recorded += answered
                contracts |= dict.fromkeys(route.accepts for route in each.routes)
        for way, lane in WAYS.items():
            each = laned(lane)
            folder = synthesize(tmp_path_factory.mktemp(way), topology=each)
            asked = requests(each.routes[0], EACH_OF_OURS, 0)
            api, answered = record(_template(folder), asked, patch, failing=FAILING)
            patch.undo()
            apis.append(api)
            recorded += answered
        for kind, trusts in CALLED.items():
            folder = synthesize(tmp_path_factory.mktemp(kind), trusting(*trusts), **KINDS[kind])
            sent = (
                replace(one, headers={**one.headers, **CREDENTIALS[kind]})
                for seed, route in enumerate(route for route in SAMPLE.routes if not route.senders)
                for one in requests(route, EACH_OF_CALLERS, seed)
            )
            api, answered = record(_template(folder), sent, patch, failing=FAILING_FOR_OURS)
            patch.undo()
            apis.append(api)
            recorded += answered
    renderings = [rendering for each in recorded for rendering in each.renderings]
    validated = [(contract, body) for contract in contracts for body in bodies(contract)]
    answers = java.run(_jobs(renderings, validated))
    assert len(answers) == len(renderings) + len(validated)
    return Compared(
        apis,
        recorded,
        list(zip(renderings, answers, strict=False)),
        [(*each, answer) for each, answer in zip(validated, answers[len(renderings) :], strict=True)],
    )


def _template(folder: Path) -> Path:
    (template,) = folder.glob("*.template.json")
    return template


def _jobs(renderings: list[Rendering], validated: list[tuple[type[Command], str]]) -> Iterator[list[str]]:
    templates = {template: str(number) for number, template in enumerate({each.template for each in renderings})}
    yield from (["template", number, text(template)] for template, number in templates.items())
    for each in renderings:
        places = [mapping(each.places[place]) for place in ("path", "querystring", "header")]
        yield ["render", templates[each.template], text(each.body), *places, mapping(each.context)]
    contracts = {contract: str(number) for number, contract in enumerate(dict.fromkeys(each for each, _ in validated))}
    for contract, number in contracts.items():
        yield ["model", number, text(msgspec.json.encode(draft4(contract)).decode())]
    yield from (["validate", contracts[contract], text(body)] for contract, body in validated)
