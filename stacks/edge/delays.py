"""How a request asks for a delay: what its headers may say, and what a mapping template makes of them.

Up to 15 minutes SQS delays the message itself. For longer the message says its time, and its consumer has it planned.
`Delay-Until` is in UTC, because only then a template can tell whether it is past: times of one zone are in the order of
their texts. So nobody gets a 202 for a time that makes no sense.
"""

from __future__ import annotations

from collections.abc import Iterator

SECONDS = "Delay-Seconds"
UNTIL = "Delay-Until"
LARGEST_BODY = 126_000
"""Bytes of a body that waits for longer, at the most: written as JSON in JSON it may be twice as long, and a schedule's
input has 256 KB. https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html"""

SHORT = "[0-9]{1,2}|[1-8][0-9]{2}|900"
"""What SQS delays itself, in seconds.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
YEAR = 365 * 24 * 60 * 60
_LONG = "9[0-9]{2}|[1-9][0-9]{3,6}|[12][0-9]{7}|30[0-9]{6}|31[0-4][0-9]{5}|315[0-2][0-9]{4}|3153[0-5][0-9]{3}|31536000"
_DAY = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
_LEAP = "20([02468][048]|[13579][26])-02-29"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?Z"
TIME = f"(20[0-9]{{2}}-{_DAY})|{_LEAP})T{_TIME}"
"""RFC 3339 in UTC. https://www.rfc-editor.org/rfc/rfc3339#section-5.6"""

WRONG_SECONDS = f"{SECONDS} must be 0 to {YEAR}, a year."
WRONG_UNTIL = f"{UNTIL} must be a time in UTC such as 2027-01-31T09:00:00Z."
BOTH = f"{SECONDS} and {UNTIL} came together; send one of them."
PAST = f"{UNTIL} is past."
BEYOND = f"{UNTIL} is more than a year ahead."
RULES = {"delay": (f"{SHORT}|{_LONG}", WRONG_SECONDS), "until": (TIME, WRONG_UNTIL)}
"""What the variable of each header must match, and what the caller reads whose does not."""

_MONTHS = "Jan01Feb02Mar03Apr04May05Jun06Jul07Aug08Sep09Oct10Nov11Dec12"
"""What a month is as a number: its text stands right behind its name."""
_YEARS = " ".join(map(str, range(2026, 2101)))
"""What year follows one: the next in the list."""
_REQUEST = "$context.requestTime"
"""Such as `26/Nov/2026:17:47:17 +0000`.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html"""

# A caller's text is none of a variable's digits, so it is printed as what it is.
SAID = "#set($deliver = '')#if($until != '')#set($deliver = $until)#elseif($long)#set($deliver = \"+$delay\")#end"
"""Sets what the message says of its time."""


def judged(nothing: str) -> Iterator[str]:
    """Finds what is wrong with the two headers together, and with the time; `$long` is whether SQS is no help."""
    yield f"#if($delay != '' && $until != '')#set($wrong = '{BOTH} {nothing}')#end"
    yield f"#set($long = $until != '' || ($delay != '' && !$delay.matches('{SHORT}')))"
    yield "#if($wrong == '' && $until != '')"
    yield f'#set($came = "{_REQUEST}")#set($month = $came.substring(3, 6))'
    yield f"#set($months = '{_MONTHS}')#set($from = $months.indexOf($month) + 3)#set($to = $from + 2)"
    yield "#set($month = $months.substring($from, $to))"
    yield '#set($rest = "-${month}-$came.substring(0, 2)T$came.substring(12, 20)")'
    yield "#set($year = $came.substring(7, 11))#set($asked = $until.substring(0, 19))"
    yield '#set($order = $asked.compareTo("$year$rest"))'
    yield f"#if($order < 0)#set($wrong = '{PAST} {nothing}')#end"
    yield f"#set($years = '{_YEARS}')#set($from = $years.indexOf($year) + 5)#set($to = $from + 4)"
    yield '#set($year = $years.substring($from, $to))#set($order = $asked.compareTo("$year$rest"))'
    yield f"#if($order > 0)#set($wrong = '{BEYOND} {nothing}')#end"
    yield "#end"
