"""The environment of a function: what the stack writes is what the runtime reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.contracts.environment import ConsumerVariables, TokenVariables, Variables, variable

text = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1)
maybe = st.none() | text


@given(
    st.builds(
        ConsumerVariables,
        project=text,
        stage=text,
        service=text,
        queue_url=maybe,
        failures_table=maybe,
        bus_name=maybe,
        once_table=maybe,
        email_from=maybe,
        receives=st.integers(1, 1000),
        retention=st.integers(60, 14 * 86_400),
        backoff_base=st.integers(1, 10) | st.floats(0.1, 100),
        on_poison=st.sampled_from(["continue", "halt", "park"]),
    )
)
def test_what_the_stack_writes_is_what_the_runtime_reads(told: ConsumerVariables) -> None:
    assert ConsumerVariables.of(told.variables() | {"PATH": "/bin"}) == told


def test_outside_lambda_everything_has_a_default() -> None:
    assert ConsumerVariables.of({}) == ConsumerVariables()


def test_an_empty_variable_is_none() -> None:
    assert ConsumerVariables.of({"RECEIVES": "", "BUS_NAME": ""}) == ConsumerVariables()


@pytest.mark.parametrize(
    ("kind", "set_", "said"),
    [
        (ConsumerVariables, {"RECEIVES": "five"}, "RECEIVES"),
        (ConsumerVariables, {"ON_POISON": "explode"}, "ON_POISON"),
        (TokenVariables, {"JWT_ISSUER": "https://issuer.example"}, "JWT_AUDIENCE"),
    ],
)
def test_a_variable_that_is_missing_or_wrong_is_named(kind: type[Variables], set_: dict[str, str], said: str) -> None:
    with pytest.raises(LookupError, match=said):
        kind.of(set_)


def test_a_variable_is_its_field_in_capitals() -> None:
    assert variable("once_table") == "ONCE_TABLE"
    assert variable("jwt_issuer", TokenVariables) == "JWT_ISSUER"
