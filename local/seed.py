"""What a fresh local stack has before the first request: the tables' first items, and a verified sender of e-mail."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from local.aws import client
from local.state import Endpoint
from stacks import names, settings
from stacks.entry import Topology

WRITE = TypeSerializer()


def tables(endpoint: Endpoint) -> set[str]:
    """The physical names of the tables that there are."""
    pages = client("dynamodb", endpoint).get_paginator("list_tables").paginate()
    return {name for page in pages for name in page["TableNames"]}


def seed(topology: Topology, endpoint: Endpoint, *, before: Collection[str] = ()) -> None:
    """Put in what the tables start with, but for those that there were `before`; and verify the sender of e-mail."""
    for table in topology.tables:
        if names.resource(names.LOCAL, table.name) not in before:
            for item in table.seed:
                put(endpoint, table.name, item)
    sender = settings.read(names.LOCAL, names.CONTEXT["stages"]).email_sender
    ses = client("sesv2", endpoint)
    if sender not in {known["IdentityName"] for known in ses.list_email_identities()["EmailIdentities"]}:
        ses.create_email_identity(EmailIdentity=sender)


def put(endpoint: Endpoint, table: str, item: Mapping[str, Any]) -> None:
    """Store the item in a table of the topology."""
    client("dynamodb", endpoint).put_item(
        TableName=names.resource(names.LOCAL, table),
        Item={name: WRITE.serialize(value) for name, value in item.items()},
    )
