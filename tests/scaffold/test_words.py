"""Words that make no sense are refused in one sentence; those that do give the same names every time."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold import words
from scaffold.errors import Refused
from stacks import rules

HYPHENS = st.from_regex(rules.STACK, fullmatch=True)


@given(HYPHENS)
def test_the_names_that_follow_from_a_name_are_those_that_the_map_takes(name: str) -> None:
    assert rules.WORD.fullmatch(words.snake(name))
    if len(name) <= words.LONGEST and not keyword.iskeyword(name):
        assert words.hyphens("Integration", name) == name


@given(st.lists(st.from_regex(r"[a-z][a-z0-9]+", fullmatch=True), min_size=1, max_size=5))
def test_a_command_and_its_function_have_the_same_words(parts: list[str]) -> None:
    assert words.snake(words.camel("-".join(parts))) == "_".join(parts)


@pytest.mark.parametrize("name", ["", "Gift", "gift_cards", "-gift", "gift--cards", "1gift", "gift cards", "g" * 41])
def test_a_name_that_is_no_stacks_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="lower-case words and hyphens, such as gift-cards"):
        words.hyphens("Integration", name)


@pytest.mark.parametrize("name", ["class", "import", "return"])
def test_a_name_that_is_pythons_own_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=f"Integration '{name}' is a word of Python's own"):
        words.hyphens("Integration", name)


@pytest.mark.parametrize("name", ["", "returned", "Gift_Card", "giftCard", "GIFT", "Gift Card", "X", "Card" * 9])
def test_a_class_name_that_is_not_camel_case_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="write it in CamelCase, such as GiftCardRedeemed, and of at most 40"):
        words.class_name("--publishes", name, ())


@pytest.mark.parametrize("name", ["Event", "Message", "Note", "Table", "Topology", "Import", "Exception", "KeyError"])
def test_a_class_name_that_the_written_code_needs_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="needs that word itself"):
        words.class_name("--publishes", name, ())


def test_a_class_name_that_is_taken_is_refused() -> None:
    assert words.class_name("--publishes", "CardRedeemed", ["CardOrdered"]) == "CardRedeemed"
    with pytest.raises(Refused, match="CardRedeemed is there already"):
        words.class_name("--publishes", "CardRedeemed", ["CardRedeemed"])


def test_a_route_is_its_method_its_path_and_its_parameters() -> None:
    assert words.route("POST /v1/orders/{order_id}/returns") == ("POST", "/v1/orders/{order_id}/returns", ("order_id",))
    assert words.route(" PUT  /v1/gift-cards ") == ("PUT", "/v1/gift-cards", ())


@pytest.mark.parametrize("text", ["", "/v1/things", "post /v1/things", "GET /v1/things", "DELETE /v1/things"])
def test_a_route_without_a_method_whose_body_becomes_the_message_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="begin with POST, PUT or PATCH"):
        words.route(text)


@pytest.mark.parametrize(
    "path",
    [
        *("", "v1/things", "/", "/v1//things", "/v1/things/", "/v1/{}", "/v1/{Id}", "/v1/{order-id}", "/v1/{id}s"),
        *("/v1/{order_id", "/v1/a b", "/v1/a?b=c", "/v1/{order1}", "/v1/{_id}", "/v1/ä"),
    ],
)
def test_a_path_that_no_route_has_is_refused(path: str) -> None:
    with pytest.raises(Refused, match="write the path like /v1/orders/"):
        words.route(f"POST {path}")


@pytest.mark.parametrize(
    ("name", "parameters", "fifo", "sentence"),
    [
        (None, ("order_id",), True, "--fifo keeps the order within a group; name it with --group: one of order_id."),
        (None, (), True, "name it with --group: a parameter of the path, such as {order_id}."),
        ("order_id", ("order_id",), False, "--group order_id keeps an order, which takes a FIFO queue; add --fifo"),
        ("ordr_id", ("order_id",), True, "--group 'ordr_id' is not a parameter of the path; did you mean order_id?"),
        ("order_id", (), True, "--group 'order_id' is not a parameter of the path."),
        ("note", ("note",), True, "--group 'note': the written code needs that word itself"),
        ("class", ("class",), True, "--group 'class': the written code needs that word itself"),
        (None, ("order_id",), False, "the value of {order_id} would not reach the function"),
        ("order_id", ("shop", "order_id"), True, "the value of {shop} would not reach the function"),
    ],
)
def test_a_group_that_makes_no_sense_is_refused(
    name: str | None, parameters: tuple[str, ...], fifo: bool, sentence: str
) -> None:
    with pytest.raises(Refused) as refused:
        words.group(name, parameters, fifo=fifo)
    assert sentence in str(refused.value)


def test_a_group_is_a_parameter_of_the_path() -> None:
    assert words.group("order_id", ("order_id",), fifo=True) == "order_id"
    assert words.group(None, (), fifo=False) is None
