"""The articles that the local stack has in stock, and the sender its e-mails come from."""

from __future__ import annotations

from typing import Any

from local.state import REGION
from stacks import names

ARTICLES = {"tea-500g": 1000, "cup-blue": 1000}


def client(service: str, endpoint_url: str) -> Any:
    """A boto3 client of the emulator at `endpoint_url`."""
    import boto3

    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def add(endpoint_url: str, sku: str, available: int) -> None:
    """Put `available` pieces of the article `sku` into the stock table."""
    client("dynamodb", endpoint_url).put_item(
        TableName=names.resource("local", "stock"),
        Item={"sku": {"S": sku}, "available": {"N": str(available)}},
    )


def seed(endpoint_url: str) -> None:
    """Put the sample articles into the stock table."""
    for sku, available in ARTICLES.items():
        add(endpoint_url, sku, available)
