"""Commands with a value of the path, events that fit, and keys of parts: what contracts hold to."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta
from msgspec.json import Decoder, decode, encode

from functions.contracts.contract import END, Command, Email, Event, read
from functions.contracts.example import example
from functions.contracts.key import joined, scoped, unscoped
from functions.contracts.path import FromPath, PathField, body_of, path_field
from functions.contracts.reject import Reject
from functions.contracts.webhooks import ReceiveWebhook, WebhookReceived
from tests.functions.events import batch, failed
from tests.functions.fakes import Fakes
from tests.functions.runtime.probe import Probing, probe
from tests.sample.contracts import ChangeTicket, OpenTicket, TicketChanged
from tests.sample.messages import change

Word = Annotated[str, Meta(pattern=rf"^[a-z]{{1,8}}{END}")]


class Listed(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "lists"
    words: list[Word]


class Renamed(Command, frozen=True, kw_only=True, rename={"note": "Note"}):
    word: Annotated[Word, FromPath]
    note: str
    tags: list[str] = msgspec.field(default_factory=list)
    level: int = 3


# Events


@pytest.mark.parametrize("ticket_id", ["a!b", "", "x" * 65, "tic-1\n", 7, None, "\ud800"])
def test_an_event_that_no_subscriber_could_read_is_never_made(ticket_id: Any) -> None:
    with pytest.raises(Reject, match="TicketChanged would not fit its own contract: "):
        TicketChanged(ticket_id=ticket_id, step=1)


def test_the_refusal_names_the_field() -> None:
    with pytest.raises(Reject, match=r"at `\$\.step`"):
        TicketChanged(ticket_id="tic-1", step="one")  # type: ignore[arg-type]


def test_a_changed_copy_is_checked_as_well() -> None:
    with pytest.raises(Reject):
        msgspec.structs.replace(TicketChanged(ticket_id="tic-1", step=1), ticket_id="a!b")


def test_an_event_that_is_read_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written, checks = encode(TicketChanged(ticket_id="tic-1", step=1)), []
    monkeypatch.setattr(Event, "fits", lambda self: checks.append(self))
    assert read(Decoder(TicketChanged), written) == decode(written, type=TicketChanged)
    assert len(checks) == 1, "the second was read by nobody of ours"


def test_what_was_changed_behind_an_events_back_is_not_published(fakes: Fakes) -> None:
    listed = Listed(words=["a"])
    listed.words.append("NO")
    assert failed(Probing(a=lambda *_: [listed]).handler(batch(probe("a"), probe("b")))) == ["a"]
    assert [envelope["type"] for envelope in fakes.events.envelopes] == ["Probed"]
    assert "at `$.words[1]`" in fakes.dynamodb.causes["a"]["error_message"]


# The path


def test_the_body_is_all_but_the_value_of_the_path() -> None:
    assert encode(change(1, "n").body()) == b'{"step":1,"note":"n"}'
    assert change(1, "n").digest() == sha256(b'{"step":1,"note":"n"}').hexdigest()
    assert change(1, ticket_id="a").digest() == change(1, ticket_id="b").digest()
    assert body_of(OpenTicket) is OpenTicket
    assert path_field(OpenTicket) is None


def test_the_body_refuses_what_stands_in_the_path() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `ticket_id`"):
        decode(b'{"ticket_id":"tic-1","step":1,"note":""}', type=body_of(ChangeTicket))


class Spread(Command, frozen=True, kw_only=True, forbid_unknown_fields=False, omit_defaults=False):
    level: int = 3
    word: Annotated[Word, FromPath]
    note: str


def test_the_body_is_as_strict_and_as_brief_as_its_contract() -> None:
    strict, open_ = body_of(ChangeTicket), body_of(Spread)
    for one, whole in ((strict, ChangeTicket), (open_, Spread)):
        assert (one.__name__, one.__module__) == (whole.__name__, whole.__module__)
        assert one.__struct_config__.frozen
    assert encode(Spread(word="a", note="n").body()) == b'{"level":3,"note":"n"}'
    assert decode(b'{"note":"n","more":1}', type=open_) == Spread(word="a", note="n").body()


def test_the_body_keeps_names_and_defaults() -> None:
    one = Renamed(word="a", note="n")
    assert encode(one.body()) == b'{"Note":"n"}'
    body = decode(b'{"Note":"n","level":4}', type=body_of(Renamed))
    assert (body.note, body.tags, body.level) == ("n", [], 4)  # type: ignore[attr-defined]
    assert body_of(Renamed).__doc__ == Renamed.__doc__


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        (Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")], "[A-Za-z0-9_-]{1,64}"),
        (Annotated[str, Meta(pattern=rf"^[a-z]{{3}}x+{END}")], "[a-z]{3}x+"),
        (Annotated[str, Meta(pattern="^ord-[0-9]{4}$"), FromPath], "ord-[0-9]{4}"),
        (Annotated[str, Meta(pattern="^[!()*+,./:<=>?@{|}~-]{1,9}$")], "[!()*+,./:<=>?@{|}~-]{1,9}"),
        *(
            (kind, None)
            for kind in (
                *(str, int, Annotated[int, Meta(ge=1)], Annotated[str, Meta(min_length=1)]),
                *(Annotated[str, Meta(pattern="^[a-z]+$", min_length=1)],),
                *(Annotated[str, Meta(pattern="^[a-z]+$", max_length=9)],),
                *(
                    Annotated[str, Meta(pattern=each)]
                    for each in (
                        *("[a-z]+$", "^[a-z]+", "^$", "^[^a]+$", r"^\w+$", "^a*$", "^(a)$", "^a|b$", "^.+$"),
                        *("^[a-z&]+$", "^[a-z]{3,}$", "^[a-z;]+$", "^[!-~]+$", "^[%]+$", "^\u00e9+$"),
                    )
                ),
            )
        ),
    ],
)
def test_the_values_of_a_path_are_said_by_one_pattern_that_every_edge_reads_alike(
    kind: Any, pattern: str | None
) -> None:
    field = PathField("word", kind)
    if pattern is None:
        with pytest.raises(ValueError, match=r"the values of word (are not said by one plain pattern|may hold % or ;)"):
            _ = field.pattern
    else:
        assert field.pattern == pattern


def test_a_pattern_that_no_path_keeps_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"; write it like Meta\(pattern=rf.*\), and lengths in it$"):
        _ = PathField("word", str).pattern
    with pytest.raises(ValueError, match=r", which paths do not keep; take them out of \[a-z;\]\+$"):
        _ = PathField("word", Annotated[str, Meta(pattern="^[a-z;]+$")]).pattern


def test_a_message_has_one_group_so_one_field_comes_from_the_path() -> None:
    class Two(Command, frozen=True, kw_only=True):
        one: Annotated[Word, FromPath]
        two: Annotated[Word, FromPath]

    with pytest.raises(TypeError, match="Two takes one and two from the path, but a message has one group; leave one"):
        path_field(Two)


# Words of everybody


@pytest.mark.parametrize(
    ("address", "good"),
    [
        *((each, True) for each in ("a@b.c", "ada.l+x@mail.example.com", "\u00e9@\u00e9.\u00e9", f"{'x' * 250}@b.c")),
        *(
            (each, False)
            for each in ("", "a", "a@b", "@b.c", "a@.c", "a@b.", "a@@b.c", "a b@c.d", "a@b.c\n", "a@b c.d")
        ),
        *((each, False) for each in ("a\x7f@b.c", "a@b.c\x00", f"{'x' * 251}@b.c")),
    ],
)
def test_an_address_has_a_name_a_host_and_at_most_254_characters(address: str, good: bool) -> None:
    try:
        assert msgspec.convert(address, Email) == address
        assert good
    except msgspec.ValidationError:
        assert not good


# Keys

PARTS = st.lists(st.one_of(st.sampled_from(["", "a", "/", "%", "%2F", "%25", "a/b", "b/c", "2F"]), st.text(max_size=9)))


@given(PARTS.filter(bool), PARTS.filter(bool))
def test_other_parts_are_another_key(one: list[str], other: list[str]) -> None:
    assert (joined(*one) == joined(*other)) == (one == other)


@given(st.none() | st.text(min_size=1), PARTS, st.none() | st.text(min_size=1), PARTS)
def test_other_parts_of_another_tenant_are_another_key(
    tenant: str | None, parts: list[str], other_tenant: str | None, other: list[str]
) -> None:
    one, two = ["tic", *parts], ["tic", *other]
    assert (scoped(tenant, *one) == scoped(other_tenant, *two)) == ((tenant, one) == (other_tenant, two))


@given(st.none() | st.text(min_size=1), st.text(min_size=1))
def test_what_was_scoped_is_found_again(tenant: str | None, part: str) -> None:
    plain = part.replace("%", "").replace("/", "")
    assert unscoped(tenant, scoped(tenant, part if tenant else plain)) == (part if tenant else plain)


def test_a_plain_part_stays_as_it_is() -> None:
    assert scoped(None, "ord-1") == joined("ord-1") == "ord-1"
    assert scoped("acme", "ord-1") == "/acme/ord-1"
    assert scoped("a/b", "c") == "/a%2Fb/c"
    assert unscoped("acme", "ord-1") == "ord-1", "a group of before there were tenants' own"
    assert unscoped("acme", "ord%2F1") == unscoped(None, "ord%2F1") == "ord%2F1"


# Examples


def test_a_document_shows_a_body_made_of_its_fields_examples() -> None:
    assert example(OpenTicket) == {
        "ticket_id": "tic-1001",
        "email": "ada@example.com",
        "language": "EN",
        "wanted": [{"agent": "agent-1", "hours": 2}],
    }
    assert example(ChangeTicket) == {"step": 1, "note": "It is on its way."}, "and not of its path"
    assert example(ReceiveWebhook) == {"id": "evt_1", "type": "invoice.paid"}


def test_a_field_without_an_example_is_named() -> None:
    class Bare(Command, frozen=True, kw_only=True):
        level: int

    with pytest.raises(ValueError, match=r"Give the field an example.*integer"):
        example(Bare)


# Defaults


def test_a_command_refuses_what_it_does_not_know_and_an_event_does_not() -> None:
    assert OpenTicket.__struct_config__.forbid_unknown_fields
    assert not TicketChanged.__struct_config__.forbid_unknown_fields
    assert Command.__struct_config__.omit_defaults, "so that a new optional field changes no digest"
    assert (Command.business_key, Command.largest_body) == (None, None)
    assert (Event.business_key, Event.version) == (None, 1)
    assert (WebhookReceived.business_key, ReceiveWebhook.business_key) == (None, None)
    assert ReceiveWebhook.largest_body == 997_998
