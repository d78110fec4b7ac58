"""The e-mails that SES would have delivered."""

from __future__ import annotations

import json
from typing import Any

import urllib3

from local.errors import LocalError
from local.state import Endpoint

PATH = "/_ministack/ses/messages"


def mails(endpoint: Endpoint, word: str = "") -> list[dict[str, Any]]:
    """Those sent whose subject or text has `word` in it. Raises `LocalError` if the emulator does not answer so."""
    http = urllib3.PoolManager(retries=False, timeout=30, ca_certs=endpoint.ca_bundle)
    try:
        answer = http.request("GET", f"{endpoint.url}{PATH}", headers=endpoint.pass_header())
    except urllib3.exceptions.HTTPError as error:
        raise LocalError(f"The emulator at {endpoint.url} does not answer: {error}") from None
    finally:
        http.clear()
    if answer.status != 200:
        raise LocalError(f"The emulator at {endpoint.url} does not say what was mailed (status {answer.status}).")
    sent = [mail for kept in json.loads(answer.data)["messages"].values() for mail in kept]
    return [mail for mail in sent if word in f"{mail['Subject']} {mail['BodyText']}"]
