"""A policy that allows a path is held against every path that it may mean, whichever side the wildcards are on."""

from __future__ import annotations

import pytest

from stacks.edge.path_pattern import meet


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/v1/tickets", "/v1/tickets"),
        ("/v1/tickets", "/v1/*"),
        ("/v1/tickets", "*"),
        ("/v1/tickets", "/v1/tick?ts"),
        ("/v1/{id}", "/v1/webhooks"),
        ("/v1/{id}/a/b", "/v1/webhooks/*"),
        ("/v1/{id}/changes", "/v1/a*/changes"),
        ("/{verb}/v1/{id}", "/POST/v1/a"),
        ("/v1/{proxy+}", "/v1/a/b/c"),
        ("*b", "a*"),
        ("", "*"),
    ],
)
def test_patterns_that_share_a_path_meet(one: str, other: str) -> None:
    assert meet(one, other)
    assert meet(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/v1/tickets", "/v1/ticket"),
        ("/v1/tickets", "/v1/tickets/*"),
        ("/v1/{id}", "/v1/webhooks/*"),
        ("/v1/{id}", "/v1/"),
        ("/v1/{id}/changes", "/v1/*/payments"),
        ("/v1/a?", "/v1/a"),
        ("?", "??"),
        ("", "?"),
    ],
)
def test_patterns_that_share_none_do_not(one: str, other: str) -> None:
    assert not meet(one, other)
    assert not meet(other, one)
