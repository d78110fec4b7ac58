"""Clients of the emulator."""

from __future__ import annotations

from typing import Any

from local.state import REGION


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
