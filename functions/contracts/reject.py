"""The refusal of a message for good, which contracts, decisions and handlers raise."""

from __future__ import annotations


class Reject(Exception):
    """Permanent: the message is wrong as it stands, and trying again changes nothing.

    It goes to the dead-letter queue within moments, with the reason recorded. The reason is read by an operator: say
    what is wrong and what to do.
    """
