"""How long an answer and each part of it may be, to the byte, and which answers have no body."""

from __future__ import annotations

import pytest

from functions.runtime.aws import framing
from functions.runtime.aws.framing import MOST_BODY, MOST_HEAD, Framing
from tests.functions.runtime.aws.test_framing import OK, read

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def test_a_head_has_room_for_64_kib_and_a_body_for_64_mib() -> None:
    assert (MOST_HEAD, MOST_BODY) == (65_536, 67_108_864)


def padded(length: int) -> bytes:
    """A head in which so many bytes come before the blank line that ends it."""
    start = OK + b"Content-Length: 2\r\nx: "
    return start + b"y" * (length - len(start)) + b"\r\n\r\n"


@pytest.mark.parametrize(("more", "told"), [(0, (200, b"{}", True)), (1, "malformed")])
@pytest.mark.parametrize("interim", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_head_may_be_so_long_and_no_longer(more: int, told: object, interim: bytes) -> None:
    head = padded(MOST_HEAD + more)
    assert head.index(b"\r\n\r\n") == MOST_HEAD + more
    assert read([interim + head + b"{}"]) == told
    assert read([interim + head[:100], head[100:] + b"{}"]) == told


@pytest.mark.parametrize(("more", "told"), [(0, "unfinished"), (1, "malformed")])
def test_a_head_that_does_not_end_is_given_up(more: int, told: str) -> None:
    assert read([padded(MOST_HEAD * 2)[: MOST_HEAD + more]]) == told


@pytest.mark.parametrize(("more", "told"), [(0, "unfinished"), (1, "malformed")])
def test_a_body_may_be_so_long_and_no_longer(more: int, told: str) -> None:
    assert read([OK + b"Content-Length: %d\r\n\r\n" % (MOST_BODY + more)]) == told
    assert read([CHUNKED + b"%x\r\n" % (MOST_BODY + more)]) == told


def test_chunks_together_are_no_longer_than_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MOST_BODY", 10)
    assert read([CHUNKED + b"6\r\nabcdef\r\n4\r\nghij\r\n0\r\n\r\n"]) == (200, b"abcdefghij", True)
    assert read([CHUNKED + b"6\r\nabcdef\r\n5\r\n"]) == "malformed"
    assert read([CHUNKED, b"6\r\nabcdef\r\n", b"5\r\n"]) == "malformed"


@pytest.mark.parametrize(("more", "told"), [(0, "unfinished"), (1, "malformed")])
def test_a_line_of_chunks_may_be_so_long_and_no_longer(more: int, told: str) -> None:
    before = b"1\r\na\r\n"
    for start in (b"", before):
        assert read([CHUNKED + start + b"1;" + b"x" * (MOST_HEAD - 2 + more)]) == told
        assert read([CHUNKED + start + b"0\r\n" + b"x" * (MOST_HEAD + more)]) == told


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", True)),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", (304, b"", True)),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", (204, b"", True)),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}", "malformed"),
        (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "malformed"),
        (OK + b"Content-Length: 0\r\n\r\n", (200, b"", True)),
        (OK + b"Content-Length: 2\r\nContent-Encoding: Identity\r\n\r\n{}", (200, b"{}", True)),
        (OK + b"Content-Length: 2\r\nContent-Encoding:\r\n\r\n{}", (200, b"{}", True)),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", (200, b"{}", False)),
        (OK + b"Connection: close\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", (200, b"{}", False)),
        (CHUNKED + b"2\r\n{}\r\n0\r\n\r\nHTTP", (200, b"{}", False)),
        (CHUNKED + b"2\r\n{}\r\n0\r\nx: y\r\n\r\n", (200, b"{}", True)),
        (CHUNKED + b"2\r\n{}\r\n0\r\nno field\r\n\r\n", "malformed"),
        (CHUNKED + b"2\r\n{}\r\n0\r\nx: y\r\n", "unfinished"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "unfinished"),
        (b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n", "malformed"),
    ],
)
def test_what_an_answer_says_of_its_length_is_what_it_has(data: bytes, told: object) -> None:
    assert read([data]) == told
    if not data.endswith(b"HTTP"):  # what comes behind an answer is nobody's, and is not fed
        assert read([data[:20], *(data[at : at + 1] for at in range(20, len(data)))]) == told


def test_whether_an_answer_began_is_known() -> None:
    answer = Framing()
    assert (answer.status, answer.body, answer.keeps, answer.began) == (0, b"", False, False)
    assert not answer.feed(b"H")
    assert answer.began
