"""The clients that hold API keys: each is a tenant, whichever of its keys it calls with.

A key's id would be another tenant whenever a key is replaced. Templates are written before AWS makes the keys, so the
stage's variables say the id of each key, and a template compares.
https://docs.aws.amazon.com/apigateway/latest/developerguide/aws-api-gateway-stage-variables-reference.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def client(key: str) -> str:
    """Whose key it is: `erp.2` is another key of `erp`."""
    return key.partition(".")[0]


def variable(key: str) -> str:
    """The stage's variable that holds the key's id. Keys have no capitals, so no two have the same."""
    return "key_" + key.replace("-", "_").replace(".", "_DOT_")


def named(keys: Iterable[str]) -> Iterator[str]:
    """Sets `$client` to the client whose key was shown, or to nothing. Prints nothing."""
    yield "#set($client = '')#set($shown = \"$!context.identity.apiKeyId\")"
    for key in keys:
        yield f"#if($shown != '' && $shown == \"$!stageVariables.{variable(key)}\")#set($client = '{client(key)}')#end"
