"""What a saved file asks for: new code of some functions, a deployment, or nothing."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from local import handlers
from local.errors import LocalError
from local.handlers import Function
from local.watch import Watch
from stacks.names import ROOT

HANDLERS = {word: Function(f"tests.sample.{word}.handler", "digest") for word in ("open_ticket", "mail_ticket")} | {
    "authorize_caller": Function("functions.authorize_caller.handler", "digest")
}
ALL = set(HANDLERS)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A watch over a stack that notes what is done to it, until `refused` is set."""
    session = SimpleNamespace(state=SimpleNamespace(endpoint="nowhere"))
    watch: Any = Watch(session, package="tests.sample", module="none", console=Console(file=io.StringIO(), width=200))  # type: ignore[arg-type]
    watch.done, watch.refused, watch.running = [], None, dict(HANDLERS)

    def act(what: str) -> None:
        if watch.refused:
            raise LocalError(watch.refused)
        watch.done.append(what)

    def replace(_url: str, functions: dict[str, Function]) -> dict[str, str]:
        act(f"replace {' '.join(sorted(functions))}")
        watch.running |= {word: Function(functions[word].module, "ours") for word in functions}
        return dict.fromkeys(functions, "ours")

    monkeypatch.setattr(handlers, "deployed", lambda _url: dict(watch.running))
    monkeypatch.setattr(handlers, "check", list)
    monkeypatch.setattr(handlers, "replace", replace)
    monkeypatch.setattr(watch, "_deploy", lambda: act("deploy"))
    return watch


def save(watch: Any, *paths: str) -> list[str]:
    """What is done when these files are saved together."""
    watch.done.clear()
    watch._take([ROOT / path for path in paths])
    return list(watch.done)


@pytest.mark.parametrize(
    ("path", "functions"),
    [
        ("tests/sample/open_ticket/handler.py", {"open_ticket"}),
        ("tests/sample/open_ticket/letters/en.txt", {"open_ticket"}),
        ("functions/authorize_caller/logic.py", {"authorize_caller"}),
        ("functions/runtime/log.py", ALL),
    ],
)
def test_code_is_replaced_where_it_is_read(watch: Any, path: str, functions: set[str]) -> None:
    assert save(watch, path) == [f"replace {' '.join(sorted(functions))}"]


@pytest.mark.parametrize(
    "path",
    [
        *("cdk.json", "app.py", "stacks/topology.py", "stacks/edge/answers.py", "functions/requirements.txt"),
        *(
            "functions/contracts/webhooks.py",
            "tests/sample/contracts.py",
            "functions/authorize_caller/requirements.txt",
        ),
    ],
)
def test_what_the_templates_are_made_of_is_deployed(watch: Any, path: str) -> None:
    assert save(watch, path) == ["deploy"]


@pytest.mark.parametrize(
    "path",
    ["README.md", "Makefile", "pyproject.toml", "stacks", "tests/sample/open_ticket", "functions/requirements.in"],
)
def test_what_no_stack_is_made_of_asks_for_nothing(watch: Any, path: str) -> None:
    assert save(watch, path) == []


def test_a_function_that_is_not_in_the_map_yet_asks_for_nothing(watch: Any) -> None:
    del watch.running["open_ticket"]
    assert save(watch, "tests/sample/open_ticket/handler.py") == []


def test_what_was_refused_is_due_with_the_next_save(watch: Any) -> None:
    watch.refused = "no"
    assert save(watch, "stacks/topology.py") == []
    watch.refused = None
    assert save(watch, "functions/runtime/log.py") == ["deploy"]
    watch.refused = "no"
    assert save(watch, "tests/sample/open_ticket/handler.py") == []
    watch.refused = None
    assert save(watch, "tests/sample/mail_ticket/handler.py") == ["replace mail_ticket open_ticket"]


def test_a_refusal_is_said_with_its_brackets(watch: Any) -> None:
    watch.refused = "a list [1, 2] is no name"
    save(watch, "cdk.json")
    assert "✗ a list [1, 2] is no name" in watch._console.file.getvalue()


def test_code_that_the_deployment_did_not_bring_is_replaced_again(watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    save(watch, "functions/runtime/log.py")

    def deploy() -> None:
        watch.done.append("deploy")
        watch.running["mail_ticket"] = Function("tests.sample.mail_ticket.handler", "theirs")

    monkeypatch.setattr(watch, "_deploy", deploy)
    assert save(watch, "cdk.json") == ["deploy", "replace authorize_caller open_ticket"]


def test_a_module_that_cannot_be_imported_is_said_with_its_place(tmp_path: Path) -> None:
    handlers.check(["tests.sample.open_ticket.handler"])
    with pytest.raises(LocalError, match=r"^ModuleNotFoundError: No module named 'tests\.sample\.nobody'$"):
        handlers.check(["tests.sample.nobody.handler"])
