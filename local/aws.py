"""Clients of the emulator."""

from __future__ import annotations

from typing import Any

from local.state import REGION, Endpoint


def client(service: str, endpoint: Endpoint, **settings: Any) -> Any:
    """A boto3 client of the emulator; `settings` go before those of the endpoint, such as a role's credentials."""
    import boto3

    given = {
        "aws_access_key_id": endpoint.access_key_id,
        "aws_secret_access_key": endpoint.secret_access_key,
        **settings,
    }
    return boto3.client(
        service, endpoint_url=endpoint.url, region_name=REGION, verify=endpoint.ca_bundle or None, **given
    )
