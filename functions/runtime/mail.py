"""E-mail through SES: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html."""

from __future__ import annotations

from botocore.exceptions import ClientError

from functions.contracts.environment import variable
from functions.runtime.clients import client
from functions.runtime.errors import Reject
from functions.runtime.settings import required

REFUSED = {"MessageRejected", "BadRequestException"}


def send_email(*, to: str, subject: str, text: str) -> None:
    """Send a plain text e-mail from the stage's address. Raises `Reject` if SES refuses it for good."""
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
        raise
