"""An issuer of tokens for all that asks one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functions.issuer import Issuer, served


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with served(tmp_path_factory.mktemp("issuer")) as (issuer, authority), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority))
        yield issuer
