"""The emulator takes a signature for the body that it was made for."""

from __future__ import annotations

import hashlib

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.emulator import Emulator
from local.state import REGION

BODY = b'{"QueueName":"signed"}'


@pytest.mark.parametrize(
    ("declared", "status"),
    [
        (hashlib.sha256(BODY).hexdigest(), 200),
        (hashlib.sha256(b"{}").hexdigest(), 403),
        ("UNSIGNED-PAYLOAD", 403),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", 403),
    ],
)
def test_a_signature_is_for_one_body(emulator: Emulator, declared: str, status: int) -> None:
    class Declaring(SigV4Auth):  # type: ignore[misc]
        def payload(self, _request: AWSRequest) -> str:
            return declared

    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.CreateQueue",
        "X-Amz-Content-SHA256": declared,
    }
    endpoint = emulator.endpoint
    request = AWSRequest("POST", f"{endpoint.url}/", headers, BODY)
    Declaring(Credentials(endpoint.access_key_id, endpoint.secret_access_key), "sqs", REGION).add_auth(request)
    http = urllib3.PoolManager(ca_certs=endpoint.ca_bundle, retries=False)
    answer = http.request("POST", request.url, body=BODY, headers=dict(request.headers.items()))
    assert answer.status == status, answer.data
