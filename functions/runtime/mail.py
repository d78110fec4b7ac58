"""E-mail through SES: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html."""

from __future__ import annotations

import random

from botocore.exceptions import ClientError

from functions.contracts.environment import variable
from functions.runtime.clients import client
from functions.runtime.deadline import left
from functions.runtime.errors import Reject
from functions.runtime.infrastructure import is_throttle
from functions.runtime.settings import required
from functions.runtime.waiting import sleep

REFUSED = {"MessageRejected", "BadRequestException"}
PAUSES = (0.1, 0.3, 0.9, 2.7)
"""Seconds between attempts at a mail that SES is too busy for, at the most."""


def send_email(*, to: str, subject: str, text: str) -> None:
    """Send a plain text e-mail from the stage's address.

    Only what SES says that it did not take is sent again. Raises `Reject` if it refuses the mail for good, botocore's
    errors if it is too busy for too long, or if nobody knows what became of the mail.
    """
    for pause in (*PAUSES, None):
        try:
            client("sesv2").send_email(
                FromEmailAddress=required(variable("email_from")),
                Destination={"ToAddresses": [to]},
                Content={
                    "Simple": {
                        "Subject": {"Data": subject, "Charset": "UTF-8"},
                        "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                    }
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in REFUSED:
                raise Reject(f"SES refuses the e-mail: {error.response['Error'].get('Message')}") from error
            if not is_throttle(error) or pause is None or left() < 2 * pause:
                raise
            sleep(pause * random.uniform(0.5, 1))
        else:
            return
