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


def test_a_request_is_signed_for_the_moment_it_is_made_at_and_for_its_region() -> None:
    signed = [
        Signature("sqs", region, "host").headers(ReadOnlyCredentials("key", "secret", None), {"x-odd": "1"}, b"")
        for region in ("eu-west-1", "us-east-1")
    ]
    for headers, region in zip(signed, ("eu-west-1", "us-east-1"), strict=True):
        moment = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        assert abs((datetime.now(UTC) - moment).total_seconds()) < 10
        assert headers["authorization"].startswith(
            f"AWS4-HMAC-SHA256 Credential=key/{moment:%Y%m%d}/{region}/sqs/aws4_request, "
            "SignedHeaders=host;x-amz-date;x-odd, Signature="
        )
        assert (headers["host"], headers["x-odd"], "x-amz-security-token" in headers) == ("host", "1", False)
    assert len({headers["authorization"].rpartition("=")[2] for headers in signed}) == 2
