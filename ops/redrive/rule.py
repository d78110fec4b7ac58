"""Edits that no patch can say: a person's own function, asked about every message.

    def rule(message):                       # rule.py: --python rule.py:rule
        if message.attributes.get("tenant") != "acme":
            return None                      # left where it is
        message.body["language"] = message.body["language"].upper()
        return message.body

It answers the new body: a dict or list is written as JSON, a text is the body itself, bytes are UTF-8; None leaves the
message where it is, as a filter would. What it raises keeps that message, with the reason, and the work goes on. It is
asked again about a message where a redrive was killed before the message was surely sent, so it must answer the same
for the same message, and be quick: while it works nothing else does. What it prints goes to standard error.
"""

from __future__ import annotations

import inspect
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from msgspec import Struct

from ops.dead_letters.cause import Cause
from ops.dead_letters.redaction import Redaction
from ops.errors import UsageError
from ops.redrive.edit import decode, encode
from ops.sqs.message import UNREADABLE, Message

LONGEST = 200
"""Characters of what a rule raises."""


class Script(Struct, frozen=True):
    """A function in a file, as it was when somebody named it."""

    path: str
    function: str
    sha256: str
    """The digest of the file: a redrive goes on with the same rule only."""

    @property
    def word(self) -> str:
        """As it is typed."""
        return f"{Path(self.path).name}:{self.function}"

    @classmethod
    def of(cls, text: str) -> Script:
        """What `rule.py:function` names. Raises `UsageError` where that cannot be read."""
        path, _, function = text.rpartition(":")
        if not path or not function.isidentifier():
            raise UsageError(f"--python is {text!r}: say the file and the function in it, such as rule.py:fix.")
        whole = Path(path).absolute()
        return cls(str(whole), function, sha256(_source(whole)).hexdigest())


@dataclass
class Subject:
    """The message that a rule is asked about; what it changes here changes nothing but what it answers."""

    message_id: str
    body: Any
    """Decoded where it is JSON, else the text. Numbers with a point are `decimal.Decimal`: 1.10 stays 1.10."""
    text: str
    """The body as it is."""
    attributes: dict[str, str]
    """The sender's attributes; binary ones in base64."""
    system: dict[str, str]
    """SQS's own, such as `SentTimestamp`, `MessageGroupId`, `ApproximateReceiveCount`."""
    cause: Mapping[str, Any] | None
    """Why it is dead, as a filter sees it; None where nobody recorded it, or it cannot be read."""


class Rule:
    """A script, loaded. Raises `UsageError` in one sentence for a file that is another than it was, or does not work.

    It is loaded from its path alone: a file beside it is found only if the rule itself says where.
    """

    ids: Collection[str] = ()

    def __init__(self, script: Script, redaction: Redaction) -> None:
        source = _source(Path(script.path))
        if sha256(source).hexdigest() != script.sha256:
            raise UsageError(
                f"{script.path} is not the rule that this redrive began with: put that back. Or begin another redrive, "
                "which deletes what this one sent."
            )
        self.left_by = f"{script.word} answered None"
        self._word = script.word
        self._redaction = redaction
        self._ask = _loaded(script, source)

    def of(self, message: Message, body: str, cause: Cause | None) -> str | None:
        """What the function answers, as a body; None where it leaves the message.

        Raises `ValueError` where it fails.
        """
        try:
            parsed = decode(body)
            before = encode(parsed)
        except UNREADABLE:
            parsed, before = body, None
        subject = Subject(
            message.message_id,
            parsed,
            body,
            {name: value.text for name, value in message.message_attributes.items()},
            dict(message.attributes),
            msgspec.to_builtins(cause) if cause is not None else None,
        )
        try:
            with redirect_stdout(sys.stderr), _stoppable():
                answer = self._ask(subject)
        except BaseException as error:  # whatever it is, it is the rule's, for nothing else runs meanwhile
            raise ValueError(f"{self._word} raised {self._told(error, message, body)}") from None
        if inspect.iscoroutine(answer):
            answer.close()
        try:
            return self._body(answer, body, before)
        except (UnicodeError, TypeError, ValueError, RecursionError, OverflowError) as error:
            raise ValueError(f"{self._word} answered no body: {self._told(error, message, body)}") from None

    def _body(self, answer: Any, body: str, before: bytes | None) -> str | None:
        if answer is None:
            return None
        if isinstance(answer, str):
            return str.__str__(answer)  # of a class of its own the text alone
        if isinstance(answer, bytes):
            return bytes.decode(answer)
        if not isinstance(answer, dict | list):
            raise TypeError(f"{type(answer).__name__} is neither dict, list, str, bytes nor None")
        after = encode(answer)
        if not _finite(msgspec.to_builtins(answer, builtin_types=(Decimal,))):
            raise ValueError("JSON has no number for NaN and Infinity")
        return body if after == before else after.decode()

    def _told(self, error: BaseException, message: Message, body: str) -> str:
        """What it raised, without the secrets of the message, which it may well quote."""
        attributes = {name: value.text for name, value in message.message_attributes.items()}
        try:
            said = self._redaction.said_of(str(error), body, attributes).partition("\n")[0]
        except BaseException:  # its text is the rule's too
            said = ""
        return f"{type(error).__name__}: {said[:LONGEST]}" if said else type(error).__name__


def _finite(value: Any) -> bool:
    """Whether every number in it is one that JSON can say."""
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return isfinite(value) if isinstance(value, float | Decimal) else True


@contextmanager
def _stoppable() -> Iterator[None]:
    """Lets Ctrl-C end the rule, which may never end by itself; who waits for Ctrl-C on the loop hears of it too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def _loaded(script: Script, source: bytes) -> Callable[[Subject], Any]:
    module = ModuleType(f"rule_{script.sha256[:16]}")
    module.__file__ = script.path
    # Some of the standard library, such as dataclasses, looks up the module of what it works on.
    sys.modules[module.__name__] = module
    try:
        code = compile(source, script.path, "exec", dont_inherit=True)
        with redirect_stdout(sys.stderr):
            exec(code, module.__dict__)  # noqa: S102 - the operator's own file, which the operator names
    except SyntaxError as error:
        at = f", line {error.lineno}" if error.lineno else ""
        raise UsageError(f"{script.path}{at}: {error.msg}.") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UsageError(f"{script.path}{_line(error, script.path)}: {type(error).__name__}: {error}") from None
    function = getattr(module, script.function, None)
    if function is None:
        raise UsageError(f"{script.path} has no function {script.function!r}.")
    if not callable(function) or inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise UsageError(f"{script.word} is no plain function.")
    try:
        inspect.signature(function).bind(None)
    except (TypeError, ValueError):
        raise UsageError(f"{script.word} must take one argument, the message.") from None
    return function  # type: ignore[no-any-return]


def _line(error: BaseException, path: str) -> str:
    """The last line of the file that the error went through."""
    lines: list[int] = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f", line {lines[-1]}" if lines else ""
