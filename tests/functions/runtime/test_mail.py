"""A mail is sent once: again only where SES says that it did not take it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.runtime import clients
from functions.runtime.errors import Reject
from functions.runtime.mail import send_email
from tests.functions.fakes import Fakes, Script, refusal

THROTTLED = refusal("TooManyRequestsException", status=429)


@dataclass
class FakeSes(Script):
    """SES: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html."""

    def send_email(self, **arguments: Any) -> Any:
        return self.answer(arguments, lambda: {"MessageId": "sent"})


@pytest.fixture
def ses(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> FakeSes:
    monkeypatch.setenv("EMAIL_FROM", "desk@example.com")
    made = FakeSes()
    monkeypatch.setitem(clients.made, "sesv2", made)
    return made


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def send() -> None:
    send_email(to="ada@example.com", subject="Grüße", text="Ihr Ticket …")


def test_a_mail_is_what_ses_wants_of_one(ses: FakeSes) -> None:
    send()
    assert ses.calls == [
        {
            "FromEmailAddress": "desk@example.com",
            "Destination": {"ToAddresses": ["ada@example.com"]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": "Grüße", "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": "Ihr Ticket …", "Charset": "UTF-8"}},
                }
            },
        }
    ]


@pytest.mark.parametrize("code", ["MessageRejected", "BadRequestException"])
def test_a_mail_that_ses_refuses_for_good_is_rejected_with_its_reason(ses: FakeSes, code: str) -> None:
    ses.answers = [refusal(code)]
    with pytest.raises(Reject, match=f"SES refuses the e-mail: {code} happened"):
        send()
    assert len(ses.calls) == 1


def test_what_ses_is_too_busy_for_is_sent_again_after_growing_pauses(ses: FakeSes, pauses: list[float]) -> None:
    ses.answers = [THROTTLED] * 4
    send()
    assert len(ses.calls) == 5
    for pause, most in zip(pauses, (0.1, 0.3, 0.9, 2.7), strict=True):
        assert most / 2 <= pause <= most


def test_what_ses_stays_too_busy_for_is_its_error_after_five_attempts(ses: FakeSes, pauses: list[float]) -> None:
    ses.answers = [THROTTLED] * 9
    with pytest.raises(ClientError, match="TooManyRequests"):
        send()
    assert (len(ses.calls), len(pauses)) == (5, 4)


@pytest.mark.parametrize(("left", "calls"), [(0.19, 1), (0.2, 2), (0.61, 3)])
def test_no_pause_takes_more_than_half_of_the_time_that_is_left(
    ses: FakeSes, pauses: list[float], monkeypatch: pytest.MonkeyPatch, left: float, calls: int
) -> None:
    monkeypatch.setattr("functions.runtime.mail.left", lambda: left)
    ses.answers = [THROTTLED] * 9
    with pytest.raises(ClientError):
        send()
    assert len(ses.calls) == calls


@pytest.mark.parametrize(
    "error",
    [refusal("InternalFailure", status=500), ReadTimeoutError(endpoint_url="https://x"), refusal("AccessDenied")],
    ids=repr,
)
def test_a_mail_of_which_nobody_knows_what_became_is_not_sent_again(
    ses: FakeSes, pauses: list[float], error: Exception
) -> None:
    ses.answers = [error]
    with pytest.raises(type(error)):
        send()
    assert (len(ses.calls), pauses) == (1, [])


def test_without_an_address_to_send_from_it_says_what_is_missing(ses: FakeSes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMAIL_FROM")
    with pytest.raises(LookupError, match="EMAIL_FROM is not set"):
        send()
