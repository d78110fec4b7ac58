"""Our signature is botocore's, whatever is signed."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.aws.signature import Signature

words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(
    payload=st.binary(max_size=200),
    key=words,
    secret=words,
    token=st.none() | words,
    action=st.sampled_from(["ReceiveMessage", "SendMessageBatch"]),
    moment=st.integers(1_500_000_000, 2_500_000_000),
)
def test_a_request_is_signed_as_botocore_signs_it(
    payload: bytes, key: str, secret: str, token: str | None, action: str, moment: int
) -> None:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonSQS.{action}"}
    request = AWSRequest("POST", "http://127.0.0.1:4566/", headers=dict(headers), data=payload)
    with patch("botocore.auth.get_current_datetime", return_value=datetime.fromtimestamp(moment, UTC)):
        SigV4Auth(Credentials(key, secret, token), "sqs", "eu-west-1").add_auth(request)
    signed = Signature("sqs", "eu-west-1", "127.0.0.1:4566").headers(
        ReadOnlyCredentials(key, secret, token), headers, payload, moment
    )
    assert signed["authorization"] == request.headers["Authorization"]


def test_the_key_of_yesterday_or_of_other_credentials_is_not_used_again() -> None:
    signature = Signature("sqs", "eu-west-1", "host")
    day = 86_400

    def sign(secret: str, now: int) -> str:
        return signature.headers(ReadOnlyCredentials("key", secret, None), {}, b"", now)["authorization"]

    fresh = Signature("sqs", "eu-west-1", "host").headers(ReadOnlyCredentials("key", "b", None), {}, b"", day)
    sign("a", 0)
    sign("b", 0)
    assert sign("b", day) == fresh["authorization"]
