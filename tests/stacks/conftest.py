"""One synth a stage for all template tests; CloudFormation's own validation has a test of its own."""

from __future__ import annotations

import os

# Read by the CDK's process when it starts, which importing aws_cdk does.
os.environ["CDK_VALIDATION"] = "false"
# Templates that fit any account are what the tests read.
os.environ.pop("CDK_DEFAULT_ACCOUNT", None)
os.environ.pop("CDK_DEFAULT_REGION", None)

import pytest

from tests.stacks.templates import Templates, synthesize


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("dev"), "dev")


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("prod"), "prod")


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("local"), "local")
