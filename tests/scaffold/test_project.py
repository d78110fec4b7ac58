"""What is written passes what our own code must pass, and works: in this project, and in one with an empty map."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.scaffold.conftest import Project

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("scaffold")]


def written(project: Project, *commands: Iterable[str]) -> list[str]:
    """The Python files that the commands wrote or changed."""
    before = project.files()
    for command in commands:
        said = project.run("scaffold", *command)
        assert max(map(len, said.splitlines())) <= 80
    after = project.files()
    assert before.keys() <= after.keys()
    return [str(path) for path, text in after.items() if before.get(path) != text and path.suffix == ".py"]


def holds(project: Project, files: list[str]) -> None:
    """What `make check` looks at, and the files' own tests."""
    project.run("ruff", "format", "--check", "--quiet", *files)
    project.run("ruff", "check", "--quiet", *files)
    project.run("mypy", *files)
    project.run("documents", "--check")
    tests = [file for file in files if file.startswith("tests/")]
    assert "failed" not in project.run(
        "pytest", "-q", "-p", "no:xdist", "-p", "no:schemathesis", "tests/test_laws.py", *tests
    )


@pytest.mark.proof
def test_a_fifo_route_and_a_subscriber_that_joins_it_hold_as_written(project: Project) -> None:
    files = written(
        project,
        [
            *(
                "integration",
                "trial-parcels",
                "--route",
                "POST /v1/trial-shelves/{shelf}/parcels",
                "--fifo",
                "--group",
                "shelf",
            ),
            *("--publishes", "TrialParcelTaken"),
        ],
        [
            *("subscriber", "weigh-trial-parcel", "--on", "TrialParcelTaken", "--publishes", "TrialParcelWeighed"),
            *("--integration", "trial-parcels"),
        ],
    )
    assert sorted(files) == [
        "functions/contracts/trial_parcels.py",
        "functions/contracts/weigh_trial_parcel.py",
        *(f"functions/trial_parcels_request/{name}.py" for name in ("__init__", "handler", "logic")),
        *(f"functions/weigh_trial_parcel/{name}.py" for name in ("__init__", "handler", "logic")),
        "stacks/topology.py",
        "tests/functions/test_trial_parcels_request.py",
        "tests/functions/test_weigh_trial_parcel.py",
    ]
    holds(project, files)


LONG = "TrialParcel" + "Ab" * 3
"""As long as a rule's name lets an event's be."""
SCHEDULE = ["schedule", "weigh-trial-parcels", "--every", "cron(0 6 ? * MON-FRI *)", "--skip"]
SCHEDULE += ["--timezone", "Europe/Berlin"]


def test_a_project_of_another_name_with_an_empty_map_gets_its_first_integrations(project: Project) -> None:
    project.empty()
    files = written(
        project,
        [
            *(
                "integration",
                "trial-store",
                "--route",
                "PUT /v1/trial-parcels",
                "--command",
                "KeepTrialParcelThatIsTooLongToo",
            ),
            *("--publishes", LONG, "--publishes", "TrialParcelRefused"),
        ],
        ["subscriber", "weigh_trial_parcel", "--on", LONG],
        SCHEDULE,
    )
    holds(project, files)
    context = json.loads((project.root / "cdk.json").read_text())["context"]
    context |= {"stage": "prod-eu", "aws:cdk:bundling-stacks": []}
    project.run("app", CDK_OUTDIR=str(project.root / "cdk.out"), CDK_CONTEXT_JSON=json.dumps(context))
    made = {path.name.removesuffix(".template.json") for path in Path(project.root, "cdk.out").glob("*.template.json")}
    names = ("trial-store", "weigh-trial-parcel", "weigh-trial-parcels", "ingress")
    assert {f"acme-prod-eu-{name}" for name in names} <= made


@pytest.mark.proof
def test_a_schedule_holds_as_written(project: Project) -> None:
    files = written(project, SCHEDULE)
    assert sorted(files) == [
        "functions/contracts/weigh_trial_parcels.py",
        *(f"functions/weigh_trial_parcels/{name}.py" for name in ("__init__", "handler", "logic")),
        "stacks/topology.py",
        "tests/functions/test_weigh_trial_parcels.py",
    ]
    holds(project, files)


def test_a_schedule_that_never_runs_gets_the_rules_sentence(untouched: Project) -> None:
    before = untouched.files()
    said = untouched.run("scaffold", "schedule", "weigh-never", "--every", "cron(0 6 30 2 ? *)", code=2)
    assert said == "Schedule 'weigh_never': cron(0 6 30 2 ? *) never runs, as there is no such date; correct it.\n"
    assert untouched.files() == before
