"""The gateway as a process: its log, and the template that it serves."""

from __future__ import annotations

import json
import re
from pathlib import Path

from local.gateway.server import Gateway
from tests.local.gateway.assemblies import synthesize
from tests.local.gateway.client import Client
from tests.local.gateway.examples import TICKET, TICKETS
from tests.local.gateway.receiver import Receiver


def test_the_access_log_says_which_request_it_was_and_nothing_of_its_content(
    client: Client, receiver: Receiver, assembly: Path
) -> None:
    answer = client.post(TICKETS, TICKET, {"X-Correlation-Id": "log-me", "Authorization": "Bearer secret"})
    assert answer.status == 202
    line = (assembly.parent / "access.log").read_text().splitlines()[-1]
    known = json.loads(line)
    assert known["correlation_id"] == "log-me"
    assert (known["route"], known["status"], known["integration_status"]) == ("/v1/tickets", "202", "200")
    assert known["request_id"] == answer.headers["x-amzn-requestid"]
    assert "secret" not in line
    assert "ada@example.com" not in line


def test_a_template_that_changed_is_read_again(receiver: Receiver, tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    (template,) = folder.glob("*.template.json")
    with Gateway(assembly=folder, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        assert client.post("/v1/commands", TICKET).status == 404
        template.write_text(re.sub(r'("PathPart": ?)"tickets"', r'\1"commands"', template.read_text()))
        assert client.post("/v1/commands", TICKET).status == 202
        whole = template.read_text()
        for half in (whole[:1000], ""):
            template.write_text(half)
            assert client.post("/v1/commands", TICKET).status == 202, "the one before, while it is being written"
        template.unlink()
        assert client.post("/v1/commands", TICKET).status == 202
        template.write_text(whole)
        assert client.post("/v1/commands", TICKET).status == 202
