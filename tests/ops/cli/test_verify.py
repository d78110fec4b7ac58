"""`verify` as a person types it: what was found is shown, also where it ends early."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ops.errors import OpsError
from ops.verify import run
from ops.verify.finding import Finding, judged
from tests.ops.cli.typed import ops
from tests.ops.endpoint import Endpoint


@pytest.mark.parametrize(
    ("ends", "code", "words"),
    [(OpsError("SQS is away."), 1, "SQS is away."), (KeyboardInterrupt(), 5, "Stopped"), (None, 6, "1 of 2 findings")],
)
def test_what_was_found_is_shown_however_it_ends(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, ends: BaseException | None, code: int, words: str
) -> None:
    def found(*_: Any, **__: Any) -> Iterator[Finding]:
        yield judged("POST /v1/tickets", "a 202 holds the bytes", "202", "202, 3 bytes", good=True)
        yield judged("POST /v1/tickets", "a larger one is refused", "413", "500", good=False)
        if ends is not None:
            raise ends

    monkeypatch.setattr(run, "verify", found)
    shown = ops("verify", "--yes")
    assert shown.exit_code == code
    assert "a larger one is refused" in shown.stdout
    assert words in shown.stderr
    answer = ops("verify", "--yes", "--json")
    assert [each["verdict"] for each in json.loads(answer.stdout)["findings"]] == ["as assumed", "differs"]
