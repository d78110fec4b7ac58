"""What GitHub runs: no more permissions than a job needs, nothing of a stranger's in a script, scripts that work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.names import LOCAL, ROOT, STAGES

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yml"))}
Job = dict[str, Any]
# What a caller of ours cannot choose.
TRUSTED = re.compile(
    r"github\.(token|repository|event\.pull_request\.(number|head\.repo\.full_name))|matrix\.stage|vars\.[A-Z_]+"
    r"|steps\.read\.outputs\.stages|fromJSON\(needs\.stages\.outputs\.stages\)"
)


def jobs() -> Iterator[tuple[str, Job]]:
    for file, workflow in WORKFLOWS.items():
        for name, job in workflow["jobs"].items():
            yield f"{file}: {name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for place, job in jobs():
        yield from ((place, step) for step in job["steps"])


def script(file: str, job: str, name: str) -> str:
    """The script of a step, by its name or id."""
    (found,) = [each for each in WORKFLOWS[file]["jobs"][job]["steps"] if name in (each.get("name"), each.get("id"))]
    return str(found["run"])


def run(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The script as GitHub runs it, in that folder."""
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", text],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_pull_request_is_checked_and_what_is_merged_is_deployed() -> None:
    # YAML 1.1 reads the key `on` as true.
    assert WORKFLOWS["check.yml"][True] == {"pull_request": None}
    assert WORKFLOWS["deploy.yml"][True] == {"push": {"branches": ["main"]}}


def test_known_vulnerabilities_are_asked_for_every_week_and_when_pins_change() -> None:
    audit = WORKFLOWS["audit.yml"]
    assert audit[True].keys() == {"schedule", "pull_request"}
    assert audit[True]["pull_request"]["paths"] == ["**/requirements.txt"]
    assert audit["jobs"]["audit"]["steps"][-1]["run"] == "make audit"


def test_a_job_has_the_permissions_that_it_needs_and_no_other() -> None:
    assert all(workflow["permissions"] == {} for workflow in WORKFLOWS.values())
    for place, job in jobs():
        text = json.dumps(job["steps"])
        needed = {"contents": "read"}
        needed |= {"id-token": "write"} if "configure-aws-credentials" in text else {}
        needed |= {"pull-requests": "write"} if "gh api" in text else {}
        assert job["permissions"] == needed, place


def test_every_job_ends_and_no_deployment_is_cut_short() -> None:
    assert all(0 < job["timeout-minutes"] <= 60 for _, job in jobs())
    assert WORKFLOWS["deploy.yml"]["concurrency"]["cancel-in-progress"] is False
    assert WORKFLOWS["deploy.yml"]["jobs"]["deploy"]["strategy"]["max-parallel"] == 1
    assert WORKFLOWS["deploy.yml"]["jobs"]["deploy"]["environment"] == "${{ matrix.stage }}"


def test_every_action_is_named_by_its_commit_and_keeps_no_credentials() -> None:
    for place, step in steps():
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"]), f"{place}: {step['uses']}"
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False, place


def test_credentials_are_taken_by_oidc_and_a_fork_gets_none() -> None:
    assert "secrets." not in "".join(path.read_text() for path in FOLDER.glob("*.yml"))
    for place, step in steps():
        if "configure-aws-credentials" in step.get("uses", ""):
            assert step["with"].keys() == {"role-to-assume", "aws-region"}, place
            assert re.fullmatch(r"\$\{\{ vars\.AWS_(DIFF|DEPLOY)_ROLE \}\}", step["with"]["role-to-assume"]), place
    assert "head.repo.full_name == github.repository" in WORKFLOWS["check.yml"]["jobs"]["diff"]["if"]


def test_nothing_that_a_stranger_may_write_is_part_of_a_script() -> None:
    for place, step in steps():
        assert "${{" not in step.get("run", ""), place
    for path in FOLDER.glob("*.yml"):
        for expression in re.findall(r"\$\{\{ (.+?) \}\}", path.read_text()):
            assert TRUSTED.fullmatch(expression), f"{path.name}: {expression}"


@pytest.mark.parametrize("file", [file for file, workflow in WORKFLOWS.items() if "stages" in workflow["jobs"]])
def test_the_stages_are_those_of_cdk_json_but_this_machine(file: str, tmp_path: Path) -> None:
    output = tmp_path / "output"
    done = run(script(file, "stages", "read"), ROOT, GITHUB_OUTPUT=str(output))
    assert done.returncode == 0, done.stderr
    name, _, stages = output.read_text().strip().partition("=")
    assert (name, json.loads(stages)) == ("stages", [stage for stage in STAGES if stage != LOCAL])


# Answers like the GitHub command: the ids of comments that are there, and every call on a line of its own.
GH = """#!/bin/sh
printf '%s\\n' "$*" | tr '\\n' ' ' >> calls; echo >> calls
case "$*" in *--paginate*) cat known ;; esac
"""


@pytest.mark.parametrize(("known", "call"), [("", "--method POST"), ("17\n18\n", "--method PATCH")])
def test_the_difference_is_one_comment_that_is_brought_up_to_date(tmp_path: Path, known: str, call: str) -> None:
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "known").write_text(known)
    (tmp_path / "diff.txt").write_text("Stack acme\n" + "[+] AWS::SQS::Queue\n" * 10_000)
    done = run(
        script("check.yml", "diff", "Comment"),
        tmp_path,
        PATH=f"{tmp_path}:{os.environ['PATH']}",
        STAGE="prod-eu",
        NUMBER="7",
        GITHUB_REPOSITORY="acme/acme",
        GH_TOKEN="none",
    )
    assert done.returncode == 0, done.stderr
    looked, wrote = (tmp_path / "calls").read_text().splitlines()
    assert "repos/acme/acme/issues/7/comments" in looked
    assert call in wrote
    assert ("comments/17" if known else "issues/7/comments") in wrote
    comment = (tmp_path / "comment.md").read_text()
    assert comment.startswith("<!-- cdk diff prod-eu -->\n### cdk diff prod-eu\n~~~\nStack acme\n")
    assert comment.endswith("\n~~~\n")
    assert len(comment) < 65_536


def test_a_comparison_that_fails_fails_the_job(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    cdk = tmp_path / ".venv" / "bin" / "cdk"
    cdk.write_text("#!/bin/sh\necho no credentials; exit 1\n")
    cdk.chmod(0o755)
    done = run(script("check.yml", "diff", "Compare with what is deployed"), tmp_path, STAGE="dev")
    assert done.returncode == 1
    assert (tmp_path / "diff.txt").read_text() == "no credentials\n"


@pytest.mark.parametrize(
    ("file", "job", "step"),
    [("deploy.yml", "deploy", "Deploy"), ("check.yml", "diff", "Compare with what is deployed")],
)
def test_the_cdk_runs_on_the_pinned_node(tmp_path: Path, file: str, job: str, step: str) -> None:
    bin_ = tmp_path / ".venv" / "bin"
    other = tmp_path / "other"
    for folder, said in ((bin_, "pinned"), (other, "the machine's")):
        folder.mkdir(parents=True)
        (folder / "node").write_text(f"#!/bin/sh\necho {said}\n")
        (folder / "node").chmod(0o755)
    (bin_ / "cdk").write_text("#!/bin/sh\nexec node\n")
    (bin_ / "cdk").chmod(0o755)
    done = run(script(file, job, step), tmp_path, STAGE="dev", PATH=f"{other}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout) == (0, "pinned\n"), done.stderr


def test_a_pull_request_runs_what_ci_runs() -> None:
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith((".ci/", "make "))]
    assert commands == [step["run"] for step in WORKFLOWS["check.yml"]["jobs"]["check"]["steps"] if "run" in step]


def installing(folder: Path, *, packaged: bool, apt: bool) -> tuple[list[str], str]:
    """What `.ci/install` runs in a folder of its own, where the packages are there or not, and what it says."""
    (folder / ".ci").mkdir()
    script = folder / ".ci" / "install"
    script.write_text((ROOT / ".ci" / "install").read_text())
    bin_ = folder / ".venv" / "bin"
    bin_.mkdir(parents=True)
    stubs = {"make": 0, "python": 0, "javac": 0, "dpkg": int(not packaged)} | ({"apt-get": 0} if apt else {})
    for name, code in stubs.items():
        (bin_ / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{folder}/calls"\nexit {code}\n')
        (bin_ / name).chmod(0o755)
    for name in ("dirname", "sh"):
        (bin_ / name).symlink_to(str(shutil.which(name)))
    (bin_ / "id").write_text("#!/bin/sh\necho 0\n")
    (bin_ / "id").chmod(0o755)
    done = subprocess.run(
        [str(shutil.which("bash")), str(script)], env={"PATH": str(bin_)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    calls = (folder / "calls").read_text().splitlines()
    return [" ".join(call.split()[:2]) for call in calls if not call.startswith("dpkg")], done.stdout


def test_what_java_tests_need_is_installed_once(tmp_path: Path) -> None:
    assert installing(tmp_path, packaged=True, apt=True) == (["make setup", "python -m"], "")


def test_what_is_missing_is_installed_from_the_systems_packages(tmp_path: Path) -> None:
    calls, _ = installing(tmp_path, packaged=False, apt=True)
    assert calls == ["make setup", "apt-get update", "apt-get install", "python -m"]


def test_a_system_without_those_packages_is_told_what_is_missing(tmp_path: Path) -> None:
    calls, said = installing(tmp_path, packaged=False, apt=False)
    assert calls == ["make setup", "python -m"]
    assert "tests/edge and tests/console need velocity libmail-java chromium" in said
