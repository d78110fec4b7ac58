"""Other deliveries of the same message, again and again in the way."""

from __future__ import annotations

from functions.runtime.errors import Retry
from functions.runtime.table import typed
from tests.functions.runtime.test_hold import House


def test_who_meets_others_at_the_same_message_again_and_again_comes_back_later() -> None:
    house = House({"tea": 5})
    theirs = {"quantity": 2, "token": "theirs", "since": 0, "withdrawn": 99}
    house.tables.write("stock", typed({"sku": "tea", "left": 3, "hold:one": theirs}))
    with house.as_aws():
        late = house.take("one", tea=2)
    assert isinstance(late, Retry)
    assert "one" in str(late)
    assert (house.counter("tea") or {})["left"] == 3
