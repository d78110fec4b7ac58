"""A project that `make new` made is whole, and has nothing of the example."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import yaml
from jinja2.sandbox import SandboxedEnvironment

from project.new import new
from stacks import names, settings
from stacks.names import ROOT
from tests.project.checkout import make, python, replace, run

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("new")]

EXAMPLE = re.compile("placeorder|accept_order|shipment|tea-", re.IGNORECASE)
SYNTHESIZE = """
from aws_cdk import App
from stacks import names
from stacks.compose import compose
from stacks.topology import TOPOLOGY
for stage in names.STAGES:
    app = App(outdir=f"cdk.out/{stage}", context=names.CONTEXT | {"stage": stage})
    compose(app, TOPOLOGY)
    app.synth()
"""


def stacks(project: Path) -> set[str]:
    """The stacks of every stage of `project`, synthesized."""
    python(project, "-c", SYNTHESIZE, CDK_VALIDATION="false")
    return {path.name.removesuffix(".template.json") for path in (project / "cdk.out").glob("*/*.template.json")}


def test_it_says_what_it_did_and_what_comes_next(made: tuple[Path, str], headrace: Path) -> None:
    project, said = made
    assert f"Made acme in {project}.\nEverything is in its first commit.\n" in said
    assert f"copier update will look for later versions in {headrace};" in said
    assert run(project, "git", "status", "--porcelain", "--", ":!.venv") == ""


def test_what_is_not_committed_here_is_left_out(made: tuple[Path, str]) -> None:
    project, said = made
    assert said.startswith("Changes that are not committed here are left out.\n")
    assert not (project / "ops" / "draft.py").exists()


def test_its_checks_pass(made: tuple[Path, str]) -> None:
    project, _ = made
    make(project, "check")


def test_every_stage_synthesizes_with_no_integration(made: tuple[Path, str]) -> None:
    project, _ = made
    assert stacks(project) == {
        *("acme-local-shared", "acme-local-operator"),
        *("acme-dev-shared", "acme-dev-operator", "acme-dev-observability"),
        *("acme-prod-shared", "acme-prod-operator", "acme-prod-observability"),
    }


def test_stages_may_have_any_names_and_number(made: tuple[Path, str]) -> None:
    project, _ = made
    replace(project / "cdk.json", '"prod": {', '"prod-eu": {')
    replace(project / "cdk.json", '"dev": {', '"staging": {')
    replace(project / "cdk.json", '"stage": "dev"', '"stage": "staging"')
    try:
        assert {"acme-local-shared", "acme-staging-shared", "acme-prod-eu-shared"} <= stacks(project)
        python(project, "-m", "documents", CDK_VALIDATION="false")
    finally:
        run(project, "git", "checkout", "--quiet", "--", ".")


def test_nothing_in_it_is_of_the_example(made: tuple[Path, str]) -> None:
    project, _ = made
    names = run(project, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in names
        if name and (project / name).is_file()
        for number, line in enumerate((project / name).read_text(errors="replace").splitlines(), 1)
        if EXAMPLE.search(line)
    ]
    assert not found, "\n".join(found)
    assert not [name for name in names if EXAMPLE.search(name)]


@pytest.mark.parametrize(
    "name",
    ["a", "acme", "acme-2", "acme-shop-eu-nort", "acme-shop-eu-north", "aws", "Acme", "2acme", "acme-", "a--b", ""],
)
def test_a_name_is_taken_if_the_stages_take_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = SandboxedEnvironment(extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"])
    validator = yaml.safe_load((ROOT / "copier.yml").read_text())["name"]["validator"]
    monkeypatch.setattr(names, "PROJECT", name)
    try:
        settings.read(names.LOCAL, {names.LOCAL: {"email_sender": "desk@example.com"}})
    except settings.SettingsError:
        taken = False
    else:
        taken = True
    assert (environment.from_string(validator).render(name=name) == "") == taken


def test_no_stage_of_a_new_project_is_longer_than_local(made: tuple[Path, str]) -> None:
    stages = json.loads((made[0] / "cdk.json").read_text())["context"]["stages"]
    assert max(stages, key=len) == names.LOCAL


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Acme", "a name is lower-case letters and digits, its words joined by hyphens."),
        (
            "acme-shop-eu-north",
            "a name has 17 characters at the most, so that every name on AWS fits with the stage in it.",
        ),
    ],
)
def test_a_name_that_cannot_be_one_makes_nothing(headrace: Path, tmp_path: Path, name: str, why: str) -> None:
    said = python(headrace, "-m", "project", "new", str(tmp_path / "acme"), name, code=1)
    assert said == f"{name!r} cannot be the name: {why}\n"
    assert not (tmp_path / "acme").exists()


def test_a_folder_that_holds_something_is_left_alone(headrace: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    said = make(headrace, "new", f"DIR={tmp_path}", "NAME=acme", code=2)
    assert f"{tmp_path} is not empty; name a new folder.\n" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_project_is_not_made_inside_the_checkout(headrace: Path) -> None:
    said = make(headrace, "new", "DIR=acme", "NAME=acme", code=2)
    assert "acme is inside this checkout; name a folder beside it: ../acme.\n" in said
    assert not (headrace / "acme").exists()


def test_without_folder_or_name_it_says_how(headrace: Path) -> None:
    assert "Say: make new DIR=../acme NAME=acme" in make(headrace, "new", code=2)


def test_inside_a_repository_its_owner_commits_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def render(folder: Path, name: str) -> None:
        (folder / name).mkdir(parents=True)

    monkeypatch.setattr("project.new.render", render)
    run(tmp_path, "git", "init", "--quiet")
    new(tmp_path / "acme", "acme")
    assert "It is inside a repository; commit it there.\n" in capsys.readouterr().out
    assert not (tmp_path / "acme" / ".git").exists()


def test_git_that_knows_no_name_leaves_the_first_commit_to_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def render(folder: Path, name: str) -> None:
        folder.mkdir()
        (folder / "README.md").write_text(name)

    monkeypatch.setattr("project.new.render", render)
    for variable in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    new(tmp_path / "acme", "acme")
    assert 'do it yourself: git commit -m "A project from Headrace"\n' in capsys.readouterr().out
    assert run(tmp_path / "acme", "git", "status", "--porcelain") == "A  README.md\n"
