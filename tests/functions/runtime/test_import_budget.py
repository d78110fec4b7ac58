"""A cold start loads what it needs and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stacks.entry import Consumer
from stacks.topology import TOPOLOGY

# What a consumer may load beside Python's own library. botocore takes certifi where it is, which the layer is not.
BUDGET = {"botocore", "dateutil", "functions", "jmespath", "msgspec", "six", "typing_extensions", "urllib3", "certifi"}
# What only functions with guarded effects may load, on top.
ONCE = {"aws_lambda_powertools", "boto3", "s3transfer"}
HEAVY = "asyncio", "pydantic", "aws_xray_sdk", "unittest", "pkg_resources", "cryptography"


def loaded(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    environment = {"AWS_LAMBDA_FUNCTION_NAME": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split()) - set(bare.stdout.split())


def packages(modules: set[str]) -> set[str]:
    tops = {module.partition(".")[0] for module in modules}
    return {top for top in tops if top not in sys.stdlib_module_names and not top.startswith("_")}


@pytest.mark.parametrize("consumer", TOPOLOGY.consumers, ids=lambda consumer: consumer.function)
def test_a_cold_start_stays_within_its_budget(consumer: Consumer) -> None:
    modules = loaded(f"functions.{consumer.function}.handler")
    budget = BUDGET | (ONCE if consumer.sends_email else set())
    assert packages(modules) <= budget
    assert not modules & set(HEAVY)


def test_a_function_loads_no_other_function() -> None:
    others = {f"functions.{consumer.function}" for consumer in TOPOLOGY.consumers} - {"functions.accept_order"}
    assert not loaded("functions.accept_order.handler") & others


def test_importing_a_handler_reads_no_environment_and_makes_no_client() -> None:
    code = "import functions.accept_order.handler; from functions.runtime import clients; print(clients.made)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={})
    assert done.stdout.strip() == "{}"


def test_on_lambda_the_clients_are_made_while_importing() -> None:
    code = "import functions.accept_order.handler; from functions.runtime import clients; print(sorted(clients.made))"
    environment = {"AWS_LAMBDA_FUNCTION_NAME": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "['dynamodb', 'events']"
