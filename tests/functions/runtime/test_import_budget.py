"""A cold start loads what it needs and nothing else."""

from __future__ import annotations

import gc
from importlib import reload

import pytest

from functions import runtime
from stacks.entry import Consumer
from tests.functions.runtime.cold_start import LAMBDA, loaded, said, too_much
from tests.sample.topology import SAMPLE

HANDLER = "tests.sample.open_ticket.handler"


@pytest.mark.parametrize("consumer", SAMPLE.consumers, ids=lambda consumer: consumer.function)
def test_a_cold_start_stays_within_its_budget(consumer: Consumer) -> None:
    assert too_much(SAMPLE.module(consumer.function), consumer) == set()


def test_a_function_loads_no_other_function() -> None:
    others = {f"{SAMPLE.package}.{consumer.function}" for consumer in SAMPLE.consumers} - {HANDLER.rpartition(".")[0]}
    assert not loaded(HANDLER) & others


def test_what_pauses_consumers_is_loaded_by_none_and_loads_no_more_than_one_may() -> None:
    assert "functions.runtime.mapping" not in loaded(HANDLER)
    module = "functions.pause_consumer.handler"
    assert too_much(module, Consumer(function="pause_consumer")) == set()
    assert "functions.runtime.consumer" not in loaded(module)


def test_importing_a_handler_reads_no_environment_and_makes_no_client() -> None:
    assert said(f"import {HANDLER}; from functions.runtime import clients; print(clients.made)", {}) == "{}"


def test_on_lambda_the_clients_are_made_while_importing() -> None:
    code = f"import {HANDLER}; from functions.runtime import clients; print(sorted(clients.made))"
    assert said(code, LAMBDA) == "['dynamodb', 'events']"
    assert said(code, LAMBDA | {"BUS_NAME": ""}) == "['dynamodb']"


def test_garbage_is_looked_for_more_seldom_than_a_cold_start_makes_objects_that_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, ...]] = []
    monkeypatch.setattr(gc, "set_threshold", lambda *numbers: asked.append(numbers))
    reload(runtime)
    assert asked == [(50_000, 20, 50)]
