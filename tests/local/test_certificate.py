"""The certificate of a local stack: good for loopback, for some weeks, and for nothing else."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from local import certificate


def read(path: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(path.read_bytes())


def test_it_is_for_loopback_and_for_some_weeks(tmp_path: Path) -> None:
    made = certificate.make(tmp_path)
    leaf, authority = read(made.chain)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert list(map(str, names.get_values_for_type(x509.IPAddress))) == ["127.0.0.1", "::1"]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert [authority] == read(made.authority)
    leaf.verify_directly_issued_by(authority)
    for each in (leaf, authority):
        assert each.not_valid_after_utc - datetime.now(UTC) < timedelta(days=31)


def test_its_key_is_read_by_its_owner_only_and_the_authoritys_is_nowhere(tmp_path: Path) -> None:
    old = tmp_path / "key.pem"
    old.write_text("of an earlier run")
    old.chmod(0o644)
    made = certificate.make(tmp_path)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if b"PRIVATE KEY" in path.read_bytes()] == [made.key.name]
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.chain, made.key)


def test_each_run_has_its_own(tmp_path: Path) -> None:
    first = certificate.make(tmp_path).authority.read_bytes()
    assert certificate.make(tmp_path).authority.read_bytes() != first


def test_what_was_written_for_its_owner_replaces_what_others_could_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    path.chmod(0o666)
    certificate.write_private(path, b"after")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"after", 0o600)
