"""As whom a person works on the stage on this machine: as its operator, whose role is taken as on AWS, or as root."""

from __future__ import annotations

from collections.abc import Mapping

import botocore.session
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)

from stacks import names


class _Role(CredentialProvider):  # type: ignore[misc]
    """Credentials of a role, assumed when they are needed first and again before they expire."""

    METHOD = "assume-role"
    CANONICAL_NAME = "operator"

    def __init__(self, fetcher: AssumeRoleCredentialFetcher) -> None:
        self._fetcher = fetcher

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(method=self.METHOD, refresh_using=self._fetcher.fetch_credentials)


def take_operators_role(session: botocore.session.Session, state: Mapping[str, str]) -> None:
    """Let the session act as the operator of the stage that `state.json` tells of.

    Raises `KeyError` where that says too little.
    The emulator's IAM then refuses what AWS's would: a permission that the role lacks is missing here, too.
    """
    region, endpoint = state["region"], state["aws_endpoint_url"]
    root = Credentials(state["access_key_id"], state["secret_access_key"])
    if state["ca_bundle"]:
        session.set_config_variable("ca_bundle", state["ca_bundle"])

    def client(service: str, **credentials: str) -> object:
        return session.create_client(service, region_name=region, endpoint_url=endpoint, **credentials)

    role = f"arn:aws:iam::{state['account']}:role/{names.regional(names.LOCAL, 'operator', region)}"
    fetcher = AssumeRoleCredentialFetcher(client, root, role, extra_args={"RoleSessionName": "operator"})
    session.register_component("credential_provider", CredentialResolver([_Role(fetcher)]))


def take_root(session: botocore.session.Session, state: Mapping[str, str]) -> None:
    """Let the session act as who deployed the stage that `state.json` tells of.

    Raises `KeyError` where that says too little.
    """
    if state["ca_bundle"]:
        session.set_config_variable("ca_bundle", state["ca_bundle"])
    session.set_credentials(state["access_key_id"], state["secret_access_key"])
