"""The templates of a stage, synthesized once, and questions to ask of them.

The stages are the tests' own, so that they hold in a project whose cdk.json lists others: `dev` is plain, `prod` has
all that a stage can ask for short of a key of its own, `local` runs on the Python that synthesizes. `tokens`, `keys`
and `inside` are prod with other callers, another key and another network, so that between them every setting is on.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aws_cdk import App

from stacks import names, settings
from stacks.compose import compose
from stacks.entry import Integration, Route, Topology
from stacks.settings import Settings
from tests.kept import PACKAGES, kept
from tests.sample.topology import SAMPLE

CFN_LINT = Path(sys.executable).with_name("cfn-lint")
SENDER = "desk@example.com"
VPC: dict[str, Any] = {
    "subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "security_groups": ["sg-0123456789abcdef0"],
    "nat": True,
    "functions": "all",
}
TOKENS: dict[str, Any] = {"issuer": "https://issuer.example.com/", "audience": "desk"}
JWT: dict[str, Any] = {"authorization": "jwt", "jwt": TOKENS}
ENDPOINT, OTHER_ENDPOINT = "vpce-0123456789abcdef0", "vpce-0123456789abcdef1"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FORMER = "arn:aws:kms:eu-west-1:123456789012:key/00000000-12ab-34cd-56ef-1234567890ab"
WEB_ACL = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/edge/1"
PROD: dict[str, Any] = {
    "archive_days": 90,
    "email_sender": SENDER,
    "log_days": 180,
    "protect": {"stacks": ["shared"], "tables": [names.FAILURES]},
    "retain": True,
    "throttle_rate": 1000,
    "throttle_burst": 2000,
}


def _called(stage: str) -> dict[str, Any]:
    return {
        "email": "oncall@example.com",
        "oldest": 300,
        "drain": 900,
        "webhook_secret": names.resource(stage, "chat_webhook"),
    }


STAGES: Mapping[str, Mapping[str, Any]] = {
    names.LOCAL: {
        "python": "host",
        "architecture": "host",
        "authorization": "none",
        "email_sender": SENDER,
        "log_days": 1,
        "log_level": "DEBUG",
    },
    "dev": {"alarms": {}, "archive_days": 7, "email_sender": SENDER, "log_days": 14},
    "prod": {**PROD, "alarms": _called("prod")},
    "tokens": {**PROD, **JWT, "alarms": _called("tokens"), "customer_key": True, "vpc": VPC},
    "keys": {
        **PROD,
        "authorization": "api_key",
        "api_keys": {"clients": ["web", "erp"], "rate": 5, "burst": 9, "quota": 1000, "period": "DAY"},
        "vpc_endpoints": [ENDPOINT],
        "web_acl_arn": WEB_ACL,
    },
    "inside": {
        **PROD,
        "alarms": {},
        "customer_key": KEY,
        "former_keys": [FORMER],
        "jwt": TOKENS,
        "vpc_endpoints": [ENDPOINT, OTHER_ENDPOINT],
    },
}
KINDS = ("prod", "tokens", "keys", "inside")
"""The stages of every kind: who calls, with whose key it encrypts, and where it is reached."""


def context(stage: str, **changes: Any) -> dict[str, Any]:
    """cdk.json's context with the stages of the tests, some settings of one changed; nothing is bundled."""
    stages = {name: dict(settings) for name, settings in copy.deepcopy(dict(STAGES)).items()}
    stages[stage] |= changes
    return {**names.CONTEXT, "stages": stages, "stage": stage, "aws:cdk:bundling-stacks": []}


def settings_of(stage: str, **changes: Any) -> Settings:
    """The settings of a stage of the tests, some changed."""
    return settings.read(stage, context(stage, **changes)["stages"])


def of_stage(stage: str) -> Topology:
    """The sample as that stage has it: `inside` has bearers of a token among callers that sign."""
    return rerouted(_borne) if stage == "inside" else SAMPLE


def _borne(route: Route) -> Route:
    return replace(route, authorization="jwt") if route.queue == "change_ticket" else route


def rerouted(change: Callable[[Route], Route]) -> Topology:
    """The sample with its routes changed."""

    def changed(integration: Integration) -> Integration:
        return replace(integration, routes=tuple(map(change, integration.routes)))

    return replace(SAMPLE, integrations=tuple(map(changed, SAMPLE.integrations)))


@dataclass(frozen=True)
class Templates:
    """The templates by the words of their stacks: `templates.stacks["shared"]`."""

    folder: Path
    stage: str
    stacks: Mapping[str, Mapping[str, Any]]

    def resources(self, kind: str, stack: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Every resource of that type, whole."""
        for word, template in self.stacks.items():
            if stack in (None, word):
                yield from (found for found in template["Resources"].values() if found["Type"] == kind)

    def properties(self, kind: str, stack: str | None = None) -> list[Mapping[str, Any]]:
        """The properties of every resource of that type."""
        return [resource["Properties"] for resource in self.resources(kind, stack)]

    def named(self, kind: str, key: str, name: str) -> Mapping[str, Any]:
        """The properties of the one resource of that type whose `key` is `name`."""
        (found,) = [properties for properties in self.properties(kind) if properties[key] == name]
        return found

    def holder(self, kind: str, key: str, name: str) -> str:
        """The word of the one stack that holds the resource of that type whose `key` is `name`."""
        (word,) = [
            word
            for word in self.stacks
            if any(each[key] == name for each in self.properties(kind, word) if key in each)
        ]
        return word

    def function(self, word: str) -> Mapping[str, Any]:
        """The properties of the function `word`."""
        return self.named("AWS::Lambda::Function", "FunctionName", names.resource(self.stage, word))

    def queue(self, name: str) -> Mapping[str, Any]:
        """The properties of the queue of that physical name."""
        return self.named("AWS::SQS::Queue", "QueueName", name)


def synthesize(folder: Path, stage: str, topology: Topology = SAMPLE, **changes: Any) -> Templates:
    """The templates of `stage`, with some of its settings changed. Raises `RuntimeError` where an invariant breaks.

    They are a copy of what is kept; a test that changes the code that makes them asks for them `afresh`.
    """
    made = kept(("templates", stage, topology, changes), lambda draft: _synthesize(draft, stage, topology, changes))
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return templates_in(folder, stage)


def afresh(folder: Path, stage: str, topology: Topology = SAMPLE, **changes: Any) -> Templates:
    """The same, made here and now."""
    _synthesize(folder, stage, topology, changes)
    return templates_in(folder, stage)


def _synthesize(folder: Path, stage: str, topology: Topology, changes: Mapping[str, Any]) -> None:
    app = App(context=context(stage, **changes), outdir=str(folder))
    compose(app, topology)
    app.synth()


def templates_in(folder: Path, stage: str) -> Templates:
    """The templates of `stage` that were synthesized into the folder."""
    paths = sorted(folder.glob("*.template.json"))
    words = (path.name.removesuffix(".template.json").removeprefix(names.resource(stage, "")) for path in paths)
    return Templates(folder, stage, dict(zip(words, (json.loads(path.read_text()) for path in paths), strict=True)))


def lint(*of: Templates, stacks: tuple[str, ...] = ("*",)) -> str:
    """What cfn-lint finds in the templates, or only in those of some stacks."""
    paths = [
        str(path)
        for templates in of
        for stack in stacks
        for path in sorted(templates.folder.glob(f"{names.resource(templates.stage, stack)}.template.json"))
    ]
    assert paths

    def make(draft: Path) -> None:
        done = subprocess.run([CFN_LINT, *paths], cwd=names.ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == (done.stdout == ""), done.stderr
        (draft / "said").write_text(done.stdout)

    read = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]
    return (kept(("lint", read), make, sources=PACKAGES) / "said").read_text()


def statements(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The statements of a policy resource's properties."""
    document: Mapping[str, Any] = policy["PolicyDocument"]
    return list(document["Statement"])


def listed(value: Any) -> list[Any]:
    """A policy's value as the list that it may be written as."""
    return value if isinstance(value, list) else [value]
