"""A verb or a path that would stand for more than one is refused, because a policy that names it would allow more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stacks.entry import Route
from stacks.rules import TopologyError
from tests.stacks.templates import rerouted


def refused(**changes: str) -> str:
    """What is said of the sample with a route of a queue changed so."""

    def change(route: Route) -> Route:
        return replace(route, **changes) if route.queue == "open_ticket" else route  # type: ignore[arg-type]

    with pytest.raises(TopologyError) as wrong:
        rerouted(change)
    return str(wrong.value)


@pytest.mark.parametrize(
    "path",
    [
        *("v1/things", "", "/", "/v1//things", "/v1/things/", "/v1/a*", "/v1/a?b", "/v1/../x", "/v1/.", "/v1/[a]"),
        *("/v1/{proxy+}", "/v1/a{id}", "/v1/{Id}", "/v1/a b", "/v1/%2e%2e", "/v1/things\n"),
    ],
)
def test_a_path_is_words_and_whole_parameters(path: str) -> None:
    assert refused(path=path).startswith(f"Route POST {path}: a path is words of letters, digits and '._:-'")


@pytest.mark.parametrize("verb", ["ANY", "GET", "DELETE", "HEAD", "OPTIONS", "post", "*", ""])
def test_a_method_is_one_that_asks_for_something_to_be_done(verb: str) -> None:
    said = f"Route {verb} /v1/tickets: method {verb!r} is none of POST, PUT, PATCH; write one of them."
    assert refused(method=verb) == said
