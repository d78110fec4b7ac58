"""What a cold start loads: the modules of a fresh interpreter that imports one handler."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

from stacks.entry import Consumer

# What a consumer may load beside Python's own library. botocore takes certifi where it is, which the layer is not.
BUDGET = {"botocore", "dateutil", "functions", "jmespath", "msgspec", "six", "typing_extensions", "urllib3", "certifi"}
# What only functions with guarded effects may load, on top.
ONCE = {"aws_lambda_powertools", "boto3", "s3transfer"}
HEAVY = {"asyncio", "pydantic", "aws_xray_sdk", "unittest", "pkg_resources", "cryptography"}
LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "x", "AWS_DEFAULT_REGION": "eu-central-1", "BUS_NAME": "bus"}


def said(code: str, environment: dict[str, str]) -> str:
    """What a fresh interpreter prints that runs `code`."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


def loaded(module: str) -> set[str]:
    """The modules that importing `module` loads on Lambda."""
    return set(said(f"import sys, {module}; print(*sys.modules)", LAMBDA).split()) - _bare()


@cache
def _bare() -> set[str]:
    """What every interpreter loads."""
    return set(said("import sys; print(*sys.modules)", LAMBDA).split())


def too_much(module: str, consumer: Consumer) -> set[str]:
    """What the handler in `module` loads beyond its budget, its own package aside."""
    modules = loaded(module)
    tops = {name.partition(".")[0] for name in modules} - {module.partition(".")[0]}
    packages = {top for top in tops if top not in sys.stdlib_module_names and not top.startswith("_")}
    return packages - BUDGET - (ONCE if consumer.sends_email else set()) | modules & HEAVY
