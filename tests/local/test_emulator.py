"""The emulator: it starts, it is corrected where AWS differs, and nothing of it is left running."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.aws import client
from local.emulator import Emulator, free_port
from local.errors import LocalError
from local.state import REGION
from tests.local.roles import Statement, allow, make, session, trusting

RUNS = allow(
    ("logs:CreateLogStream", "logs:PutLogEvents", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "*",
)
"""What a function's role may: write the function's log, and poll any queue."""


@pytest.fixture
def sqs(emulator: Emulator) -> Any:
    return client("sqs", emulator.endpoint)


def fifo_queue(sqs: Any, name: str, **attributes: str) -> str:
    created = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true", **attributes})
    return str(created["QueueUrl"])


def send(sqs: Any, queue: str, body: str, group: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=f"{group}-{body}")


def receive(sqs: Any, queue: str) -> list[dict[str, Any]]:
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
    return list(got.get("Messages", []))


def test_a_group_is_received_again_from_its_visible_head_while_later_messages_are_in_flight(sqs: Any) -> None:
    queue = fifo_queue(sqs, "heads")
    for body in ("1", "2", "3"):
        send(sqs, queue, body, "a")
    first, second, _ = receive(sqs, queue)
    assert receive(sqs, queue) == []

    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    assert [message["Body"] for message in receive(sqs, queue)] == ["1"]

    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0)
    assert receive(sqs, queue) == [], "the head in flight hides the later messages of its group"


def test_a_group_in_flight_hides_nothing_of_another_group(sqs: Any) -> None:
    queue = fifo_queue(sqs, "groups")
    send(sqs, queue, "1", "a")
    assert len(receive(sqs, queue)) == 1
    send(sqs, queue, "2", "a")
    send(sqs, queue, "1", "b")
    assert [message["Attributes"]["MessageGroupId"] for message in receive(sqs, queue)] == ["b"]


def test_a_fifo_dead_letter_is_deduplicated_by_its_message_id(sqs: Any) -> None:
    dead = fifo_queue(sqs, "moved-dlq")
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    queue = fifo_queue(
        sqs, "moved", VisibilityTimeout="0", RedrivePolicy=f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"1"}}'
    )
    send(sqs, queue, "1", "a")
    (first,) = receive(sqs, queue)
    assert first["Attributes"]["MessageDeduplicationId"] == "a-1"
    assert receive(sqs, queue) == []
    (moved,) = receive(sqs, dead)
    assert moved["MessageId"] == first["MessageId"]
    assert moved["Attributes"]["MessageDeduplicationId"] == first["MessageId"]
    assert moved["Attributes"]["MessageGroupId"] == "a"


def form(emulator: Emulator, queue: str, statement: Statement, **parameters: str) -> Any:
    """The answer to a call by the query protocol, as API Gateway makes it, by whom the statement says."""
    keys = session(emulator, make(emulator, statement))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", queue, data=urlencode(parameters), headers=headers)
    SigV4Auth(Credentials(*keys.values()), "sqs", REGION).add_auth(request)
    http = urllib3.PoolManager(ca_certs=str(emulator.endpoint.ca_bundle), retries=False)
    return http.request("POST", queue, body=request.data, headers=dict(request.headers))


def test_the_query_protocol_takes_a_trace_header_and_says_what_is_no_action(emulator: Emulator, sqs: Any) -> None:
    queue = str(sqs.create_queue(QueueName="traced")["QueueUrl"])
    sends = allow("sqs:SendMessage", "*")
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    system = {"Name": "AWSTraceHeader", "Value.DataType": "String", "Value.StringValue": header}
    sent = {f"MessageSystemAttribute.1.{name}": value for name, value in system.items()}
    assert form(emulator, queue, sends, Action="SendMessage", MessageBody="1", **sent).status == 200
    (message,) = receive(sqs, queue)
    assert message["Attributes"]["AWSTraceHeader"] == header

    refused = form(emulator, queue, sends, Action="RefuseBody")
    assert (refused.status, b"<Code>InvalidAction</Code>" in refused.data) == (400, True)


def test_an_event_whose_detail_is_no_object_is_refused_and_its_neighbours_are_put(emulator: Emulator) -> None:
    events = client("events", emulator.endpoint)
    details = ['{"n": 1}', "no JSON", "[1]", '{"n": 2}']
    entries = [{"Source": "test", "DetailType": "Told", "Detail": detail} for detail in details]
    answer = events.put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, "MalformedDetail", "MalformedDetail", None]
    assert answer["Entries"][3]["EventId"] != answer["Entries"][0]["EventId"]


def test_an_email_to_nobody_is_refused_and_any_other_is_sent(emulator: Emulator) -> None:
    mails = client("sesv2", emulator.endpoint)
    mails.create_email_identity(EmailIdentity="desk@example.com")
    content = {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}}
    nobodies: list[dict[str, list[str]]] = [{}, {"ToAddresses": []}]
    for nobody in nobodies:
        with pytest.raises(ClientError) as refused:
            mails.send_email(FromEmailAddress="desk@example.com", Destination=nobody, Content=content)
        assert refused.value.response["Error"]["Code"] == "BadRequestException"
    to = {"ToAddresses": ["ada@example.com"]}
    assert mails.send_email(FromEmailAddress="desk@example.com", Destination=to, Content=content)["MessageId"]


def test_a_mapping_that_is_disabled_takes_nothing_until_it_is_enabled(emulator: Emulator, sqs: Any) -> None:
    queue = fifo_queue(sqs, "switched")
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    functions = create_function(emulator, "switched", "def handler(event, _):\n    return {}\n")
    mapping = functions.create_event_source_mapping(FunctionName="switched", EventSourceArn=arn, BatchSize=10)

    def waiting() -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(map(int, counts.values()))

    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    (found,) = functions.list_event_source_mappings(FunctionName="switched")["EventSourceMappings"]
    assert found["State"] == "Disabled"
    time.sleep(1)
    # By the URL that a function on AWS is given, too.
    url = f"https://sqs.us-east-1.amazonaws.com/000000000000/{queue.rpartition('/')[2]}"
    send(sqs, url, "1", "a")
    time.sleep(2)
    assert waiting() == 1
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    deadline = time.monotonic() + 20
    while waiting() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not waiting()


def zipped(**files: str) -> bytes:
    """A zip file of modules, or of a layer's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, code in files.items():
            archive.writestr(f"{name}.py", code)
    return buffer.getvalue()


def create_function(emulator: Emulator, name: str, code: str, **settings: Any) -> Any:
    """Create it from the code of one module, and return Lambda's client."""
    functions = client("lambda", emulator.endpoint)
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler=f"{name}.handler",
        Role=make(emulator, RUNS, trust=trusting("lambda.amazonaws.com")),
        Code={"ZipFile": zipped(**{name: code})},
        **settings,
    )
    return functions


def invoke(functions: Any, name: str, **event: Any) -> Any:
    return json.loads(functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())["Payload"].read())


def test_an_invocation_that_runs_while_its_function_is_updated_finishes_on_the_code_it_has(emulator: Emulator) -> None:
    code = "import time\ndef handler(event, _):\n    time.sleep(event['seconds'])\n    return 'old'\n"
    functions = create_function(emulator, "slow", code, Timeout=10)
    assert invoke(functions, "slow", seconds=0) == "old"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(invoke, functions, "slow", seconds=1.5)
        time.sleep(0.5)
        functions.update_function_code(
            FunctionName="slow", ZipFile=zipped(slow=code.replace("old", "new").replace("seconds", "unused"))
        )
        assert not running.done()
        assert invoke(functions, "slow", unused=0) == "new"
        assert running.result() == "old"


def test_a_layer_is_shared_by_its_functions_and_replaced_by_its_next_version(emulator: Emulator) -> None:
    functions = client("lambda", emulator.endpoint)

    def layer(says: str) -> str:
        content = {"ZipFile": zipped(**{"python/greeting": f"WORD = {says!r}\n"})}
        return str(functions.publish_layer_version(LayerName="words", Content=content)["LayerVersionArn"])

    code = "import greeting\ndef handler(event, _):\n    return [greeting.WORD, greeting.__file__]\n"
    first = layer("first")
    for name in ("one", "two"):
        create_function(emulator, name, code, Layers=[first])
    said = [invoke(functions, name) for name in ("one", "two")]
    assert said[0] == said[1], "unzipped once"
    assert said[0][0] == "first"
    functions.update_function_configuration(FunctionName="one", Layers=[layer("second")])
    assert invoke(functions, "one")[0] == "second"
    assert invoke(functions, "two")[0] == "first"


def test_every_line_that_functions_write_is_in_their_logs(emulator: Emulator) -> None:
    logs = client("logs", emulator.endpoint)
    functions = create_function(
        emulator, "talk", "def handler(event, _):\n    for n in range(300):\n        print(event['i'], n)\n"
    )

    def talk(number: int) -> None:
        functions.invoke(FunctionName="talk", Payload=json.dumps({"i": number}).encode())

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(talk, range(16)))
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/talk")
    written = {event["message"].strip() for page in pages for event in page["events"]}
    assert {f"{i} {n}" for i in range(16) for n in range(300)} <= written


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(LocalError, match=f"Port {port} is taken"), Emulator(tmp_path, port):
            pass


def test_a_missing_emulator_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.emulator.PYTHON", tmp_path / "python")
    with pytest.raises(LocalError, match="not installed; run: make setup"), Emulator(tmp_path):
        pass


def test_an_emulator_that_dies_while_starting_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr("local.emulator.PYTHON", broken)
    with pytest.raises(LocalError, match="ended while starting"), Emulator(tmp_path):
        pass


def test_the_last_words_of_an_emulator_that_died_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho one >&2; echo 'no room on the disk' >&2; exit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr("local.emulator.PYTHON", broken)
    with pytest.raises(LocalError, match=r"no room on the disk.*emulator\.log"), Emulator(tmp_path):
        pass


def test_a_port_that_somebody_took_meanwhile_is_exchanged_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))  # bound and silent, as an outgoing connection's port is
        ports = iter([other.getsockname()[1], free_port()])
        monkeypatch.setattr("local.emulator.free_port", lambda: next(ports))
        with Emulator(tmp_path) as emulator:
            assert emulator.port != other.getsockname()[1]
            assert emulator.url.endswith(f":{emulator.port}")
            client("sqs", emulator.endpoint).list_queues()


def test_a_chosen_port_that_somebody_took_meanwhile_is_said(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(LocalError, match="Address already in use"), Emulator(tmp_path, other.getsockname()[1]):
            pass


def test_no_port_but_its_own_is_listened_on(emulator: Emulator) -> None:
    said = re.findall(r"Running on \S+:(\d+)", emulator.log.read_text())
    assert set(said) == {str(emulator.port)}


def test_only_loopback_is_listened_on(emulator: Emulator) -> None:
    address = ("127.0.0.2", emulator.port)
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(address)


def test_nothing_is_left_running_when_the_starter_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib, time\n"
        "from local.emulator import Emulator\n"
        "with Emulator(pathlib.Path(sys.argv[1])) as emulator:\n"
        "    print(emulator._process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert starter.stdout
    emulator = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    starter.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(emulator, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(emulator, signal.SIGKILL)
    pytest.fail("the emulator outlived its starter")
