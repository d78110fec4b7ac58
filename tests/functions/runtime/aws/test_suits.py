"""Where our client is used, and which endpoint it takes there."""

from __future__ import annotations

import pytest

from functions.runtime.aws import service
from functions.runtime.aws.service import suits

LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "f",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"AWS_LAMBDA_FUNCTION_NAME": ""}, False),
        ({"AWS_ACCESS_KEY_ID": ""}, False),
        ({"AWS_SECRET_ACCESS_KEY": ""}, False),
        ({"AWS_DEFAULT_REGION": ""}, False),
        ({"AWS_DEFAULT_REGION": "", "AWS_REGION": "eu-west-1"}, True),
        ({"AWS_DEFAULT_REGION": "us-iso-east-1"}, False),
        ({"AWS_DEFAULT_REGION": "us-iso-east-1", "AWS_ENDPOINT_URL": "http://127.0.0.1"}, True),
        ({"AWS_CLIENT": "botocore"}, False),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, False),
        ({"AWS_USE_FIPS_ENDPOINT": "false"}, True),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "True"}, False),
        ({"https_proxy": "http://proxy"}, False),
        ({"HTTP_PROXY": "http://proxy"}, False),
        ({"all_proxy": "http://proxy"}, False),
        ({"AWS_PROFILE": "other"}, False),
        ({"AWS_DEFAULT_PROFILE": "other"}, False),
        ({"AWS_CONFIG_FILE": "/var/task/config"}, False),
        ({"AWS_ENDPOINT_URL": "https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com/"}, True),
        ({"AWS_ENDPOINT_URL": "http://[::1]:4566"}, True),
        ({"AWS_ENDPOINT_URL": "https://gateway/aws"}, False),
        ({"AWS_ENDPOINT_URL": "https://gateway?aws"}, False),
        ({"AWS_ENDPOINT_URL": "https://me:secret@gateway"}, False),
        ({"AWS_ENDPOINT_URL": "gateway:443"}, False),
        ({"AWS_ENDPOINT_URL": "https://gateway:https"}, False),
        ({"AWS_ENDPOINT_URL": "https://[gateway"}, False),
    ],
)
def test_it_is_used_on_lambda_where_it_does_what_botocore_would(change: dict[str, str], fits: bool) -> None:
    assert suits("dynamodb", LAMBDA | change) is fits
    assert not suits("sesv2", LAMBDA | change)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB"),
        ("events", "AWS_ENDPOINT_URL_EVENTBRIDGE"),
        ("secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
        ("sqs", "AWS_ENDPOINT_URL_SQS"),
    ],
)
def test_an_endpoint_may_be_named_for_a_service_or_for_all(name: str, variable: str) -> None:
    own, all_ = {variable: "http://own"}, {"AWS_ENDPOINT_URL": "http://all"}
    assert service.endpoint(name, LAMBDA | all_) == "http://all"
    assert service.endpoint(name, LAMBDA | all_ | own) == "http://own"
    ignored = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    assert service.endpoint(name, LAMBDA | own | ignored) == f"https://{name}.eu-central-1.amazonaws.com"
