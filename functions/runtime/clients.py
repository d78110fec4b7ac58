"""The AWS clients: botocore only, one session, each client made once and only when used."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session, get_session

# Short timeouts, because a call that hangs eats the time of the whole batch; standard retries with their own backoff. A
# fixed user agent and no check of parameters, because botocore would do both anew for every call: a tenth of its CPU.
CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"total_max_attempts": 3, "mode": "standard"},
    parameter_validation=False,
    user_agent="headrace",
)

made: dict[str, Any] = {}
"""The clients of this process, by service. A test puts its own here."""


@cache
def session() -> Session:
    """The one botocore session of this process."""
    return get_session()


def client(service: str) -> Any:
    """The client of `service`, such as `dynamodb`."""
    if service not in made:
        made[service] = session().create_client(service, config=CONFIG)
    return made[service]
