"""Takes actions out of the roles of the sample, one at a time, and says which test would fail without each.

    python -m tests.permissions --take 10 --seed 7
    python -m tests.permissions --take 3 --seed 7 --flow

An action is taken out of one statement of one role as the templates have it. The proof of `test_roles.py` then misses
what somebody does. With `--flow` the whole flow is run as well, on a local stack that was deployed without the action;
that takes a minute each, and sees only what the flow tests do. Exits with 1 if nothing misses an action.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from stacks.names import LOCAL, ROOT
from tests.permissions.granted import Granted
from tests.permissions.proof import STAGE, Proof, proof
from tests.sample.without import WITHOUT

TEST = "tests/permissions/test_roles.py::test_whatever_is_done_with_a_role_is_allowed"


def main() -> int:
    """Take some, and say what misses them."""
    parser = argparse.ArgumentParser(prog="python -m tests.permissions", description="Take permissions away.")
    parser.add_argument("--take", type=int, default=10, help="how many actions are taken out, one at a time")
    parser.add_argument("--seed", type=int, default=None, help="which; another each time if none is said")
    parser.add_argument("--flow", action="store_true", help="deploy without each of them and run the flow tests, too")
    asked = parser.parse_args()
    os.environ.setdefault("CDK_VALIDATION", "false")
    seed = random.randrange(1_000_000) if asked.seed is None else asked.seed
    with TemporaryDirectory() as folder:
        proven = proof(Path(folder))
    print(f"{len(proven.grants)} actions in statements, {len(proven.requests)} requests; seed {seed}")
    taken = random.Random(seed).sample(list(proven.grants), min(asked.take, len(proven.grants)))
    unseen = sum(not _told(proven, one, flow=asked.flow) for one in taken)
    print(f"{len(taken) - unseen} of {len(taken)} are missed.")
    return 1 if unseen else 0


def _told(proven: Proof, one: Granted, *, flow: bool) -> bool:
    """Whether something misses the action, which is said."""
    missed = proven.missed(one)
    print(f"\n- {one.role}: {one.action} on {', '.join(one.resources[:2])}{' …' * (len(one.resources) > 2)}")
    for request in missed[:2]:
        print(f"    {TEST} fails: nothing lets it {request.action} on {request.resource}")
    if not missed:
        print("    nothing misses it")
    if flow:
        print(f"    {_flow(one)}")
    return bool(missed)


def _flow(one: Granted) -> str:
    """What the flow tests say of a local stack without the action."""
    role = one.role.replace(f"-{STAGE}-", f"-{LOCAL}-")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "tests/flow", "--tb=no", "--no-header"]
    environment = os.environ | {WITHOUT: f"{role} {one.action}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return "; ".join(failed) if failed else "no flow test sees it" if done.returncode == 0 else done.stdout[-500:]


if __name__ == "__main__":
    sys.exit(main())
