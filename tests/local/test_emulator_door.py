"""The emulator answers clients of AWS, and no web page."""

from __future__ import annotations

import pytest
import urllib3

from local.emulator import Emulator


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "https://page.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "page.example"},
        {"Host": "page.example:443"},
    ],
    ids=str,
)
def test_what_a_web_page_could_send_is_refused(emulator: Emulator, header: dict[str, str]) -> None:
    http = urllib3.PoolManager(ca_certs=emulator.endpoint.ca_bundle, retries=False)
    for method, path in (("GET", "/_ministack/ses/messages"), ("POST", "/_ministack/reset"), ("OPTIONS", "/")):
        answer = http.request(method, f"{emulator.url}{path}", headers=header)
        assert answer.status == 403, method
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    good = http.request("GET", f"{emulator.url}/_ministack/ses/messages")
    assert good.status == 200
    assert not [name for name in good.headers if name.lower().startswith("access-control")]
