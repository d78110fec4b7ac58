"""What any web page that a person visits could send does not reach a queue."""

from __future__ import annotations

import pytest
import urllib3

from local.gateway.server import Gateway
from local.pages import is_from_a_page
from tests.local.gateway.examples import TICKET
from tests.local.gateway.receiver import Receiver

HTTP = urllib3.PoolManager(retries=False, timeout=10)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"Origin": "https://page.example"}, 403),
        ({"Origin": "http://127.0.0.1:8000"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "page.example"}, 403),
        ({"Host": "127.0.0.1.page.example:80"}, 403),
        ({"Sec-Fetch-Site": "none"}, 202),
        ({"Host": "localhost"}, 202),
        ({}, 202),
    ],
    ids=str,
)
def test_a_page_sends_nothing(gateway: Gateway, receiver: Receiver, header: dict[str, str], status: int) -> None:
    sent = {"Content-Type": "application/json", **header}
    answer = HTTP.request("POST", f"{gateway.url}/v1/tickets", body=TICKET, headers=sent)
    assert (answer.status, receiver.calls) == (status, int(status == 202))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:80", "localhost:1", "[::1]", "[::1]:80"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert not is_from_a_page({"host": host})


@pytest.mark.parametrize(
    "host", ["", "page.example", "page.example:80", "localhost.page.example", "10.0.0.1:80", "::1"]
)
def test_by_no_other(host: str) -> None:
    assert is_from_a_page({"host": host})
