"""Known vulnerabilities: what OSV says reaches the person who asks, and so does its silence."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from rich.console import Console

from local import audit
from stacks.names import ROOT

HASH = "sha256:" + "0" * 64


@contextmanager
def osv(*vulnerable: str) -> Iterator[str]:
    """The address of a stand-in for OSV that knows something against these packages."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            package = asked["package"]
            known = {
                "id": "PYSEC-2026-1",
                "modified": "2026-01-01T00:00:00Z",
                "affected": [
                    {
                        "package": package,
                        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9"}]}],
                    }
                ],
            }
            body = json.dumps({"vulns": [known]} if package["name"] in vulnerable else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the screen."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    for folder, pin in (("", "alpha==1.0"), ("functions", "beta==2.0")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "requirements.txt").write_text(f"{pin} --hash={HASH}\n")
    return tmp_path


def run(url: str) -> tuple[int, str]:
    console = Console(width=100, highlight=False)
    with console.capture() as captured:
        code = audit.main(console, services=[("OSV", ("-s", "osv", "--osv-url", url, "--timeout", "5"))])
    return code, captured.get()


def test_what_is_known_is_shown_with_the_version_that_ends_it(project: Path) -> None:
    with osv("beta") as url:
        code, said = run(url)
    assert code == 1
    assert all(word in said for word in ("beta", "2.0", "PYSEC-2026-1", "9.9")), said
    assert "alpha" not in said


def test_nothing_known_is_said_with_the_number_of_packages(project: Path) -> None:
    with osv() as url:
        code, said = run(url)
    assert (code, "any of 2 packages" in said) == (0, True), said


def test_silence_is_no_good_news(project: Path) -> None:
    code, said = run("http://127.0.0.1:9/v1/query")
    assert (code, said.startswith("✗ Nobody could be asked")) == (2, True), said


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"dependencies": []}, "not one package was judged"),
        (
            {"dependencies": [{"name": "alpha", "skip_reason": "no such version"}]},
            "alpha was not judged: no such version",
        ),
        ({"dependencies": [{"name": "alpha"}]}, "pip-audit said nothing"),
        ({"dependencies": None}, "pip-audit said nothing"),
        ([], "pip-audit said nothing"),
        (None, "no answer within 600 seconds"),
    ],
    ids=["empty", "skipped", "half", "null", "list", "late"],
)
def test_half_an_answer_is_no_good_news(
    project: Path, monkeypatch: pytest.MonkeyPatch, answer: object, sentence: str
) -> None:
    def run_(command: Sequence[str], *, timeout: float, **_: object) -> subprocess.CompletedProcess[str]:
        if answer is None:
            raise subprocess.TimeoutExpired(command, timeout)
        return subprocess.CompletedProcess(command, 1, json.dumps(answer), "")

    monkeypatch.setattr(subprocess, "run", run_)
    code, said = run("http://127.0.0.1:9/v1/query")
    assert (code, sentence in " ".join(said.split())) == (2, True), said


def test_every_file_of_locked_packages_is_judged() -> None:
    found = {str(path) for path in audit.locked(ROOT)}
    assert {"requirements.txt", "functions/requirements.txt", "local/requirements.txt"} <= found
    assert not {path for path in found if path.startswith((".", "template"))}
