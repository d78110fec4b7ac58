"""Which queue an ARN or a URL names: in which partition, region and account, and how it is called there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.loaders import create_loader

from ops.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"""
_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):sqs:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<name>[^:/]+)")
_REGION = r"(?P<region>[a-z]{2,4}(-[a-z]+)+-[0-9]+)"
# https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-internetwork-traffic-privacy.html
_HOSTS = (
    re.compile(rf"sqs(-fips)?\.{_REGION}\.(?P<suffix>.+)"),
    re.compile(rf"{_REGION}\.queue\.(?P<suffix>.+)"),
    re.compile(rf"vpce-[a-z0-9-]+\.sqs\.{_REGION}\.vpce\.(?P<suffix>.+)"),
)
_FIRST = "queue.amazonaws.com"
"""The host of us-east-1 before hosts named their region; SQS still answers there."""
# The account and the queue, on some emulators after the region.
_PATH = re.compile(r"(/queue/(?P<region>[a-z0-9-]+))?/(?P<account>[0-9]{12})/(?P<name>[^/]+)/*")
_PORTS = {None, 80, 443}


class Partition(NamedTuple):
    """A partition of AWS and the ends of its hosts' names."""

    name: str
    suffixes: tuple[str, ...]


@dataclass(frozen=True)
class Address:
    """What an ARN or a URL says of a queue.

    `host` is the one of a URL, with its port, where it is none of AWS's: an emulator's. `region` is None where such a
    URL does not say it.
    """

    text: str
    name: str
    account: str
    region: str | None
    host: str | None = None

    @classmethod
    def of(cls, text: str) -> Address | None:
        """The address that `text` is; None for a word or a name, which have neither a colon nor a slash.

        Raises `UsageError` for what looks like an address and is none of a queue.
        """
        if ":" not in text and "/" not in text:
            return None
        return _of_arn(text) if text[:4].lower() == "arn:" else _of_url(text)

    @property
    def on_aws(self) -> bool:
        """Whether it says that the queue is on AWS; an ARN says nothing of that."""
        return self.host is None and not self.text.startswith("arn:")


def _of_arn(text: str) -> Address:
    found = _ARN.fullmatch(text)
    if found is None or not NAME.fullmatch(found["name"]):
        raise UsageError(f"{text} is no ARN of a queue: that is arn:aws:sqs:<region>:<account>:<name>.")
    partition = partition_of(found["region"])
    if partition is None or partition.name != found["partition"]:
        raise UsageError(f"{text} is no ARN of a queue: {found['partition']} has no region {found['region']}.")
    return Address(text, found["name"], found["account"], found["region"])


def _of_url(text: str) -> Address:
    wrong = UsageError(
        f"{text} is no URL of a queue: that is https://sqs.<region>.amazonaws.com/<account>/<name>; "
        "its ARN says the same."
    )
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise wrong from None
    path = _PATH.fullmatch(url.path)
    if url.scheme not in ("https", "http") or host is None or path is None or not NAME.fullmatch(path["name"]):
        raise wrong
    if url.query or url.fragment or url.username is not None or url.password is not None:
        raise wrong
    host = host.rstrip(".")
    region, on_aws = _region_of(host)
    if on_aws and path["region"] is None and port in _PORTS:
        return Address(text, path["name"], path["account"], region)
    return Address(text, path["name"], path["account"], path["region"] or region, authority(text))


def _region_of(host: str) -> tuple[str | None, bool]:
    """The region that a host is of, and whether the host is AWS's."""
    if host == _FIRST:
        return "us-east-1", True
    found = next((match for pattern in _HOSTS if (match := pattern.fullmatch(host))), None)
    if found is None:
        return None, False
    partition = partition_of(found["region"])
    return found["region"], partition is not None and found["suffix"] in partition.suffixes


def is_on_aws(url: str) -> bool:
    """Whether the URL's host is one of AWS's for SQS."""
    return _region_of((urlsplit(url).hostname or "").rstrip("."))[1]


def authority(url: str) -> str:
    """Host and port of a URL, in one spelling; every name of this machine for itself is `localhost`."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return f"{'localhost' if host in ('127.0.0.1', '::1') else host}:{port}"


def partition_of(region: str) -> Partition | None:
    """The partition that the region is of; None for what is no region of AWS."""
    for partition in _partitions():
        if region in partition["regions"] or re.match(partition["regionRegex"], region):
            outputs = partition["outputs"]
            return Partition(partition["id"], (outputs["dnsSuffix"], outputs["dualStackDnsSuffix"]))
    return None


@lru_cache(1)
def _partitions() -> list[dict[str, Any]]:
    """The partitions as botocore knows them."""
    found: list[dict[str, Any]] = create_loader().load_data("partitions")["partitions"]
    return found
