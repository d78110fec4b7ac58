"""What our client sends and hands out is what botocore's does, for every operation that it makes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from botocore.retries import standard
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.runtime.aws import retries, service
from functions.runtime.aws.answer import Errors, read
from functions.runtime.aws.framing import Framing
from functions.runtime.aws.retries import Retries
from functions.runtime.aws.service import PROTOCOLS, Service, endpoint
from tests.examples import examples
from tests.functions.runtime.aws.shapes import OPERATIONS, TEXTS, operation, values

SESSION = botocore.session.get_session()
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


class Recorder:
    """A connection that answers everything with nothing, and keeps what was sent by it."""

    sent: ClassVar[list[bytes]] = []
    stale = False
    fresh = True

    def __init__(self, *_: object) -> None:
        self.sent.clear()

    def open(self, _: float) -> None:
        pass

    def ask(self, request: bytes, _: float) -> Framing:
        self.sent.append(request)
        framing = Framing()
        framing.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        return framing

    def close(self) -> None:
        pass


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setattr(service, "Connection", Recorder)
    monkeypatch.setattr(service, "_trusted", lambda: None)


def sent(name: str, method: str, arguments: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
    """The request line, the headers and the body of a call."""
    client = Service(name, seconds=lambda: 5.0, rest=lambda: None)
    getattr(client, method)(**arguments)
    (request,) = Recorder.sent
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    return line, {key: value for key, _, value in (each.partition(": ") for each in headers)}, body


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(("name", "called"), OPERATIONS)
def test_a_request_says_what_botocore_says(name: str, called: str) -> None:
    model = operation(name, called)

    @settings(max_examples=examples())
    @given(values(model.input_shape))
    def says(arguments: dict[str, Any]) -> None:
        arguments.pop("EndpointId", None)  # then it is botocore's
        theirs = create_serializer("json", include_validation=False).serialize_to_request(arguments, model)
        line, headers, body = sent(name, xform_name(called), arguments)
        assert line == f"{theirs['method']} {theirs['url_path']} HTTP/1.1"
        ours = json.loads(body)
        for token in set(model.idempotent_members) - arguments.keys():
            UUID(ours.pop(token))  # which botocore's client makes before it serializes
        assert ours == json.loads(theirs["body"])
        for header, value in theirs["headers"].items():
            assert headers[header.lower()] == value
        assert headers["content-length"] == str(len(body))
        assert headers["host"] == f"{name}.eu-central-1.amazonaws.com"

    says()


@pytest.mark.usefixtures("recorded")
def test_half_a_character_is_sent_as_botocore_sends_it_and_refused_by_the_service() -> None:
    arguments = {"TableName": "t", "Item": {"text": {"S": "\ud800"}, "bytes": {"B": b"x"}}}
    model = operation("dynamodb", "PutItem")
    theirs = create_serializer("json", include_validation=False).serialize_to_request(arguments, model)
    assert json.loads(sent("dynamodb", "put_item", arguments)[2]) == json.loads(theirs["body"])


@pytest.mark.parametrize(("name", "called"), OPERATIONS)
def test_an_answer_is_read_as_botocore_reads_it(name: str, called: str) -> None:
    model = operation(name, called)

    @settings(max_examples=examples())
    @given(values(model.output_shape))
    def reads(answer: dict[str, Any]) -> None:
        body = json.dumps(answer, default=_written).encode()
        theirs = create_parser("json").parse({"status_code": 200, "headers": {}, "body": body}, model.output_shape)
        ours = read(called, 200, {}, body, Errors(), repeated=0)
        for found in (ours, theirs):
            found.pop("ResponseMetadata")
        assert ours == theirs

    reads()


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.timestamp()
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


ERRORS = [
    ("dynamodb", "PutItem", "ConditionalCheckFailedException"),
    ("dynamodb", "TransactWriteItems", "TransactionCanceledException"),
    ("events", "PutEvents", "InternalException"),
    ("secretsmanager", "GetSecretValue", "ResourceNotFoundException"),
    ("sqs", "SendMessage", "QueueDoesNotExist"),
]


@pytest.mark.parametrize(("name", "called", "code"), ERRORS)
@pytest.mark.parametrize("form", ["{}", "com.amazonaws.{}#{}", "{}:http://internal.amazon.com/coral/"])
@pytest.mark.parametrize("query", ["", "AWS.SimpleQueueService.NonExistentQueue;Sender"])
def test_an_error_is_read_as_botocore_reads_it(name: str, called: str, code: str, form: str, query: str) -> None:
    model = operation(name, called)
    shape = next(each for each in model.error_shapes if each.name == code)
    type_ = form.format(*["x", code] if form.count("{}") == 2 else [code])
    headers = {"x-amzn-requestid": "r-1"} | ({"x-amzn-query-error": query} if query and name == "sqs" else {})

    @settings(max_examples=examples(20))
    @given(values(shape), st.sampled_from(["message", "Message"]), TEXTS, st.sampled_from([400, 500]))
    def reads(fields: dict[str, Any], member: str, message: str, status: int) -> None:
        fields = {key: value for key, value in fields.items() if key.lower() != "message"}
        body = json.dumps({"__type": type_, member: message, **fields}, default=_written).encode()
        told = {"status_code": status, "headers": headers, "body": body}
        parser = create_parser("json")
        theirs = parser.parse(told, operation(name, called).output_shape) | parser.parse(told, shape)
        errors = Errors()
        with pytest.raises(ClientError) as caught:
            read(called, status, headers, body, errors, repeated=2)
        ours = caught.value.response
        for key in ("Code", "Message"):
            assert ours["Error"][key] == theirs["Error"][key]
        assert ours["Error"].get("QueryErrorCode") == theirs["Error"].get("QueryErrorCode")
        assert {key: ours.get(key) for key in fields} == {key: theirs.get(key) for key in fields}
        metadata = ours["ResponseMetadata"]
        assert (metadata["HTTPStatusCode"], metadata["RequestId"], metadata["RetryAttempts"]) == (status, "r-1", 2)
        assert isinstance(caught.value, getattr(errors, code))
        assert caught.value.operation_name == called

    reads()


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_region_of_three_partitions_has_the_endpoint_that_botocore_takes_and_no_other_region_has_one(
    name: str,
) -> None:
    ours = 0
    for partition in SESSION.get_available_partitions():
        for region in SESSION.get_available_regions(name, partition, allow_non_regional=False):
            theirs = SESSION.create_client(
                name, region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
            ).meta.endpoint_url
            found = endpoint(name, {"AWS_DEFAULT_REGION": region})
            assert found in (theirs, None), region
            assert (found is not None) is (partition in ("aws", "aws-cn", "aws-us-gov")), region
            ours += found is not None
    assert ours > 30


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_service_is_spoken_to_as_its_description_says(name: str) -> None:
    told = SESSION.get_service_model(name).metadata
    assert PROTOCOLS[name][:2] == (told["targetPrefix"], told["jsonVersion"])


def test_what_is_repeated_is_what_botocore_repeats() -> None:
    throttled, transient = standard.ThrottledRetryableChecker(), standard.TransientRetryableChecker()
    assert set(throttled._THROTTLED_ERROR_CODES) == retries.THROTTLES
    assert set(transient._TRANSIENT_ERROR_CODES) == retries.TRANSIENT
    assert set(transient._TRANSIENT_STATUS_CODES) == retries.STATUSES
    described = {
        shape.error_code: shape.metadata["retryable"]
        for name, called in OPERATIONS
        for shape in operation(name, called).error_shapes
        if "retryable" in shape.metadata
    }
    assert described == {code: {"throttling": False} for code in retries.DESCRIBED}
    quota = standard.RetryQuotaChecker
    assert (quota._RETRY_COST, quota._THROTTLING_RETRY_COST) == (retries.COST, retries.COST_OF_THROTTLE)
    assert quota._NO_RETRY_INCREMENT == retries.GAIN
    backoff = standard.ExponentialBackoff
    scales = backoff._DEFAULT_BACKOFF_CONFIG
    assert scales["throttling_base_scale"] == retries.FIRST_OF_THROTTLE
    assert scales["non_throttling_base_scale"] == retries.FIRST
    assert backoff._SERVICE_BACKOFF_CONFIG["dynamodb"]["non_throttling_base_scale"] == retries.FIRST_OF_DYNAMODB


@given(
    st.sampled_from(["ThrottlingException", "InternalServerError", "ReplicatedWriteConflictException"]),
    st.integers(1, 9),
    st.none() | st.sampled_from(["0", "700", "60000", "-1", "soon"]),
    st.floats(0, 1),
)
def test_a_pause_is_as_long_as_botocores(code: str, attempt: int, later: str | None, dice: float) -> None:
    headers = {} if later is None else {"x-amz-retry-after": later}
    metadata: Any = {"HTTPStatusCode": 500 if code == "InternalServerError" else 400, "HTTPHeaders": headers}
    error = ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "PutItem")

    class Detector:
        def is_throttling_error_from_context(self, _: object) -> bool:
            return code == "ThrottlingException"

    theirs = standard.ExponentialBackoff(random=lambda: dice, service_name="dynamodb", throttling_detector=Detector())

    class Response:
        headers: Mapping[str, str] = metadata["HTTPHeaders"]

    class Context:
        attempt_number = attempt
        http_response = Response()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("functions.runtime.aws.retries.random.random", lambda: dice)
        ours = Retries(retries.FIRST_OF_DYNAMODB).pause(attempt, error)
    assert ours == pytest.approx(theirs.delay_amount(Context()))
