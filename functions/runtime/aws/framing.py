"""HTTP/1.1 as it comes back over a connection: one answer, read from whatever pieces it arrives in.

It is strict, because what it does not know for sure is no answer: a length that is said twice or not at all, an
encoding that was not asked for, a line that does not end as lines end. Then nobody knows what became of the request.
https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import re

MOST_HEAD = 64 * 1024
"""Bytes of the status line and the headers, and of the trailers."""
MOST_BODY = 64 * 1024 * 1024
"""Bytes of a body: ten messages of a megabyte, of which JSON makes three times as much at the most."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_FIELDS = rb"((?:" + _TOKEN + rb":[^\r\n\0]*\r\n)*)\r\n"
_HEAD = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n\0]*)?\r\n" + _FIELDS)
_TRAILERS = re.compile(_FIELDS)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n\0]*)?\r\n")
_LENGTH = re.compile(rb"[0-9]{1,12}")


class Malformed(Exception):
    """What arrived is no answer that can be relied on."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


class Framing:
    """One answer to a POST, as far as it has arrived; interim answers (1xx) are passed over."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.keeps = False
        """Whether the connection can carry another request after it."""
        self.began = False
        """Whether a byte of it has arrived."""
        self._fields = b""
        self._rest = bytearray()
        self._left = -1
        """Bytes of the body, or of its chunk, that are not there yet; less than 0 where it is not known how many."""
        self._chunks: list[bytes] | None = None
        self._length = 0

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by their names in lower case; the last of a name that is there twice."""
        pairs = (line.partition(b":") for line in self._fields.split(b"\r\n") if line)
        return {name.decode("latin-1").lower(): value.strip(b" \t").decode("latin-1") for name, _, value in pairs}

    def feed(self, data: bytes) -> bool:
        """Takes what has arrived; whether the answer is whole now. Raises `Malformed`.

        Bytes that come after its end are nobody's: then the connection does not keep.
        """
        self.began = True
        if self._rest:
            self._rest += data
        elif not self.status and (whole := self._at_once(data)) is not None:
            return whole
        else:
            self._rest = bytearray(data)
        while not self.status:
            if not self._read_head():
                return False
        return self._read_chunks() if self._chunks is not None else self._read_body()

    def _at_once(self, data: bytes) -> bool | None:
        """Whether the answer is whole, where its head came in one piece: most do."""
        head = _HEAD.match(data)
        if head is None or head[2][:1] == b"1" or head.end() > MOST_HEAD:
            return None
        self._understand(head)
        if self._chunks is None and len(data) - head.end() >= self._left:
            self.keeps = self.keeps and len(data) - head.end() == self._left
            self.body = data[head.end() : head.end() + self._left]
            return True
        self._rest = bytearray(data[head.end() :])
        return self._read_chunks() if self._chunks is not None else False

    def _read_head(self) -> bool:
        end = self._rest.find(b"\r\n\r\n")
        if end > MOST_HEAD or (end < 0 and len(self._rest) > MOST_HEAD):
            raise Malformed("the head of its answer is too long")
        if end < 0:
            return False
        head = _HEAD.match(self._rest)
        if head is None or head.end() != end + 4:
            raise Malformed("its answer is no HTTP")
        if head[2][:1] == b"1":
            if head[2] == b"101":
                raise Malformed("it changed the protocol")
            del self._rest[: head.end()]
            return bool(self._rest)
        self._understand(head)
        del self._rest[: head.end()]
        return True

    def _understand(self, head: re.Match[bytes]) -> None:
        self._fields = head[3]
        lengths: list[bytes] = []
        codings: list[bytes] = []
        keeps = head[1] == b"1"
        for line in head[3].split(b"\r\n"):
            name, _, value = line.partition(b":")
            name = name.lower()
            if name == b"content-length":
                lengths.append(value.strip(b" \t"))
            elif name == b"transfer-encoding":
                codings.append(value.strip(b" \t").lower())
            elif name == b"connection":
                keeps = keeps and b"close" not in value.lower()
            elif name == b"content-encoding" and value.strip(b" \t").lower() not in (b"", b"identity"):
                raise Malformed("its answer is compressed, which nobody asked for")
        status = int(head[2])
        if codings:
            if codings != [b"chunked"] or lengths:
                raise Malformed("its answer does not say clearly how long it is")
            self._chunks = []
        elif len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]):
            self._left = int(lengths[0])
        elif not lengths and status in (204, 304):
            self._left = 0
        else:
            raise Malformed("its answer does not say clearly how long it is")
        if status in (204, 304) and (codings or self._left):
            raise Malformed("its answer does not say clearly how long it is")
        if self._left > MOST_BODY:
            raise Malformed("its answer is too long")
        self.status = status
        self.keeps = keeps

    def _read_body(self) -> bool:
        if len(self._rest) < self._left:
            return False
        self.keeps = self.keeps and len(self._rest) == self._left
        self.body = bytes(self._rest[: self._left])
        return True

    def _read_chunks(self) -> bool:
        assert self._chunks is not None
        at = 0
        while True:
            if self._left < 0:
                chunk = _CHUNK.match(self._rest, at)
                if chunk is None:
                    if len(self._rest) - at > MOST_HEAD or b"\r\n" in self._rest[at : at + MOST_HEAD]:
                        raise Malformed("its answer is cut in chunks that make no sense")
                    break
                self._left = int(chunk[1], 16)
                self._length += self._left
                if self._length > MOST_BODY:
                    raise Malformed("its answer is too long")
                at = chunk.end()
            if self._left == 0:
                if not (self._rest.startswith(b"\r\n", at) or self._rest.find(b"\r\n\r\n", at) >= 0):
                    if len(self._rest) - at > MOST_HEAD:
                        raise Malformed("the end of its answer is too long")
                    break
                trailers = _TRAILERS.match(self._rest, at)
                if trailers is None:
                    raise Malformed("the end of its answer makes no sense")
                self.keeps = self.keeps and trailers.end() == len(self._rest)
                self.body = b"".join(self._chunks)
                return True
            if len(self._rest) - at < self._left + 2:
                break
            if self._rest[at + self._left : at + self._left + 2] != b"\r\n":
                raise Malformed("its answer is cut in chunks that make no sense")
            self._chunks.append(bytes(self._rest[at : at + self._left]))
            at += self._left + 2
            self._left = -1
        del self._rest[:at]
        return False
