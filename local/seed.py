"""What a fresh local stack has before the first request: articles in stock, and a verified sender of e-mail."""

from __future__ import annotations

import json

from local.aws import client
from local.state import ROOT
from stacks import names, settings

ARTICLES = {"tea-500g": 1000, "cup-blue": 1000}


def seed(endpoint_url: str) -> None:
    """Put the sample articles into stock and verify the stage's e-mail sender."""
    for sku, available in ARTICLES.items():
        stock(endpoint_url, sku, available)
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    sender = settings.read("local", context["stages"]).email_sender
    client("sesv2", endpoint_url).create_email_identity(EmailIdentity=sender)


def stock(endpoint_url: str, sku: str, available: int) -> None:
    """Put `available` pieces of the article `sku` into the stock table."""
    client("dynamodb", endpoint_url).put_item(
        TableName=names.resource("local", "stock"),
        Item={"sku": {"S": sku}, "available": {"N": str(available)}},
    )
