"""The stage's REST API, as API Gateway has it: names are not unique there, so there may be several."""

from __future__ import annotations

from ops.stage import Stage, in_words
from stacks import names


def ids(stage: Stage) -> list[str]:
    """The ids of the APIs of that name. Raises `OpsError` where AWS refuses."""
    name = names.resource(stage.name, "api")
    with in_words():
        pages = stage.client("apigateway").get_paginator("get_rest_apis").paginate()
        return [str(each) for each in pages.search(f"items[?name=='{name}'].id")]
