"""An HTTP answer is read as Python's own client reads it, in whatever pieces it arrives, or not at all."""

from __future__ import annotations

import http.client
import io
import itertools
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.aws.framing import MOST_BODY, MOST_HEAD, Framing, Malformed

OK = b"HTTP/1.1 200 OK\r\n"
NAMES = st.sampled_from(["x-amzn-RequestId", "Date", "Content-Type", "CONNECTION", "x-empty"])
VALUES = st.sampled_from(["", "close", "keep-alive", "application/x-amz-json-1.0", "a: b; c", "\t padded \t", "é"])
CHUNK_ENDS = st.sampled_from(["", ";name=value", " ", ';q="x"'])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer as a server may write it."""
    status = draw(st.sampled_from([200, 200, 400, 403, 429, 500, 503, 204]))
    body = draw(st.binary(max_size=300)) if status != 204 else b""
    fields = draw(st.lists(st.tuples(NAMES, VALUES), max_size=5))
    if status == 204:
        framed, length = b"", []
    elif draw(st.booleans()):
        framed, length = body, [("content-LENGTH", str(len(body)))]
    else:
        cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
        pieces = [body[a:b] for a, b in itertools.pairwise([0, *cuts, len(body)]) if a < b]
        written = [f"{len(p):X}{draw(CHUNK_ENDS)}\r\n".encode() + p + b"\r\n" for p in pieces]
        trailer = draw(st.sampled_from([b"", b"x-checksum: 1\r\n", b"a: b\r\nc: d\r\n"]))
        framed, length = b"".join(written) + b"0\r\n" + trailer + b"\r\n", [("Transfer-Encoding", "Chunked")]
    place = draw(st.integers(0, len(fields)))
    lines = [*fields[:place], *length, *fields[place:]]
    head = "".join(f"{name}:{draw(st.sampled_from(['', ' ']))}{value}\r\n" for name, value in lines)
    interim = b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n" * draw(st.integers(0, 2))
    reason = draw(st.sampled_from(["", " ", " OK", " Not so good"]))
    return interim + f"HTTP/1.1 {status}{reason}\r\n".encode() + head.encode("latin-1") + b"\r\n" + framed


def read(pieces: list[bytes]) -> tuple[int, bytes, bool] | str:
    framing = Framing()
    try:
        for index, piece in enumerate(pieces):
            if piece and framing.feed(piece):
                assert not any(pieces[index + 1 :]), "it ended early"
                return framing.status, framing.body, framing.keeps
    except Malformed:
        return "malformed"
    return "unfinished"


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def judged(data: bytes) -> tuple[int, bytes, bool]:
    """What Python's own client makes of it."""
    answer = http.client.HTTPResponse(cast("Any", _Socket(data)), method="POST")
    answer.begin()
    # It looks at the first of several `Connection` only.
    closes = "close" in ",".join(answer.headers.get_all("connection", [])).lower()
    return answer.status, answer.read(), not closes and not answer.will_close


def cut(data: bytes, places: list[int]) -> list[bytes]:
    return [
        data[a:b] for a, b in itertools.pairwise([0, *sorted(place % (len(data) + 1) for place in places), len(data)])
    ]


PLACES = st.lists(st.integers(0, 2_000), max_size=8)


@given(answers(), PLACES)
def test_an_answer_is_read_as_by_another_client_however_it_is_cut(data: bytes, places: list[int]) -> None:
    assert read(cut(data, places)) == judged(data)
    assert read([data[i : i + 1] for i in range(len(data))]) == judged(data)


@given(answers(), st.data())
def test_an_answer_that_ends_early_is_none(data: bytes, drawn: st.DataObject) -> None:
    end = drawn.draw(st.integers(0, len(data) - 1))
    assert read(cut(data[:end], drawn.draw(PLACES))) == "unfinished"


@given(answers(), PLACES, st.data())
def test_a_damaged_answer_is_never_read_otherwise_than_by_another_client(
    data: bytes, places: list[int], drawn: st.DataObject
) -> None:
    place = drawn.draw(st.integers(0, len(data) - 1))
    damage = drawn.draw(
        st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b":", b"0", b"9", b"f", b";", b"\0", b"-", b"x"])
    )
    wrong = data[:place] + damage + data[place + drawn.draw(st.integers(0, 1)) :]
    framing = Framing()
    ours: tuple[int, bytes] | None = None
    try:
        for piece in cut(wrong, places):
            if piece and framing.feed(piece):
                ours = framing.status, framing.body
                break
    except Malformed:
        pass
    if ours is not None:
        assert ours == judged(wrong)[:2]


WRONG = {
    "no length": OK + b"\r\n{}",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a length and chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    "a list of lengths": OK + b"Content-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": OK + b"Content-Length: +2\r\n\r\n{}",
    "a length that is too much": OK + b"Content-Length: %d\r\n\r\n" % (MOST_BODY + 1),
    "another coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "compressed": OK + b"Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}",
    "a space before the colon": OK + b"Content-Length : 2\r\n\r\n{}",
    "a folded line": OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "another protocol": b"HTTP/1.1 101 Switching\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (MOST_HEAD // 6 + 1),
    "a chunk that does not end": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
    "a chunk that is too long": OK + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    "a chunk without a size": OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n",
    "an endless trailer": OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * (MOST_HEAD // 6 + 1),
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_what_cannot_be_relied_on_is_no_answer(data: bytes) -> None:
    assert read([data]) == "malformed"


@pytest.mark.parametrize(
    ("data", "keeps"),
    [
        (OK + b"Content-Length: 2\r\n\r\n{}", True),
        (OK + b"Content-Length: 2\r\nConnection: Keep-Alive, CLOSE\r\n\r\n{}", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", False),
        (OK + b"Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\n{}", True),
    ],
)
def test_a_connection_is_used_again_only_where_nothing_is_left_on_it(data: bytes, keeps: bool) -> None:
    assert read([data]) == (200, b"{}", keeps)


def test_a_body_of_many_megabytes_arrives_whole() -> None:
    body = b"0123456789abcdef" * 500_000
    data = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert read([data[i : i + 65_536] for i in range(0, len(data), 65_536)]) == (200, body, True)
