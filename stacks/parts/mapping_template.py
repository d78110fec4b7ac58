"""The mapping templates of a route: HTTP request to SendMessage, and SQS's answer to ours.

Velocity, in the part of it that API Gateway documents
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html). Three rules
keep a caller from fooling it:

- Every value that comes from the caller passes `$util.urlEncode` on its way into SendMessage's query protocol.
- A template cannot refuse a request. What breaks a rule is therefore sent without its message body, which SQS refuses
  by its contract (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html), and the
  answer's template, which reads the same headers by the same rules, says why. Nothing can be queued that way.
- Header names are compared in lower case, because HTTP/2 clients send them so and `$input.params()` keeps the case.

A template is one line: a line break would become part of the value it stands in.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from functions.contracts import envelope
from stacks.entry import Queue, Route

# SQS takes 1 MiB with the message attributes. We keep 2 KiB for those; a multiple of three is exact in base64.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
LARGEST_BODY = 1_046_526
_LARGEST_BASE64 = LARGEST_BODY // 3 * 4

# What SQS takes as a group or deduplication id: printable ASCII without the space.
IDENTIFIER = "[!-~]{1,128}"
CORRELATION = "[A-Za-z0-9_.:+/=@-]{1,128}"
# The parts of a trace header that SQS's AWSTraceHeader takes.
# https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
TRACE = "Root=1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}(;Parent=[0-9a-fA-F]{16})?(;Sampled=[01])?"

RETRY_AFTER = 2
"""Seconds a caller is asked to wait when SQS is busy."""


@dataclass(frozen=True)
class Header:
    """A header that a route reads: the template's variable for it, and the pattern of the values it takes."""

    name: str
    variable: str
    pattern: str


KEY = Header("Idempotency-Key", "key", IDENTIFIER)


def headers(route: Route) -> list[Header]:
    """The headers of the route whose values are checked. A wrong one is answered with 400."""
    return [KEY]


def request(route: Route, queue: Queue) -> str:
    """The body of SendMessage in the query protocol."""
    parts = [
        *_preamble(route),
        f"#if($wrong == '' && $util.base64Encode($input.body).length() <= {_LARGEST_BASE64})",
        "Action=SendMessage&Version=2012-11-05",
        "&MessageBody=$util.urlEncode($input.body)",
        *_identifiers(route, queue),
        *_attributes(route),
        "#if($trace != '')",
        "&MessageSystemAttribute.1.Name=AWSTraceHeader",
        "&MessageSystemAttribute.1.Value.DataType=String",
        "&MessageSystemAttribute.1.Value.StringValue=$util.urlEncode($trace)",
        "#end",
        "#{else}Action=SendMessage&Version=2012-11-05#{end}",
    ]
    return "".join(parts)


def accepted(route: Route) -> str:
    """The answer when SQS holds the message."""
    body = '{"message_id":"$input.path(\'$.SendMessageResponse.SendMessageResult.MessageId\')"'
    return "".join([*_preamble(route), _CORRELATED, body, ',"correlation_id":"$correlation"}'])


def refused(route: Route) -> str:
    """The answer to SQS's 4xx: a wrong header or body is the caller's, everything else is ours."""
    parts = [
        *_preamble(route),
        _CORRELATED,
        "#set($error = $input.path('$.Error'))",
        '#set($code = "$!error.Code")',
        '#set($reason = "$!error.Message")',
        "#if($wrong != '')",
        "#set($status = 400)#set($message = $wrong)",
        "#elseif($code == 'InvalidMessageContents')",
        f"#set($status = 400)#set($message = '{_CHARACTERS}')",
        "#elseif($code == 'MissingParameter' || $reason.contains('shorter than'))",
        f"#set($status = 413)#set($message = '{_TOO_LARGE}')",
        "#elseif($code.contains('Throttl') || $code == 'OverLimit')",
        f"#set($status = 503)#set($message = '{_BUSY}')",
        f"#set($context.responseOverride.header.Retry-After = '{RETRY_AFTER}')",
        "#else",
        f"#set($status = 500)#set($message = '{_OURS}')",
        "#end",
        "#set($context.responseOverride.status = $status)",
        '{"message":"$message","correlation_id":"$correlation"}',
    ]
    return "".join(parts)


def failed(route: Route, *, busy: bool) -> str:
    """The answer to SQS's 5xx (`busy`) and to anything that SQS does not document."""
    again = f"#set($context.responseOverride.header.Retry-After = '{RETRY_AFTER}')" if busy else ""
    message = _BUSY if busy else _OURS
    return "".join(
        [*_preamble(route), _CORRELATED, again, f'{{"message":"{message}","correlation_id":"$correlation"}}']
    )


_CORRELATED = "#set($context.responseOverride.header.X-Correlation-Id = $correlation)"
_CHARACTERS = (
    "The body holds a character that SQS does not take, such as U+FFFE or U+FFFF; write it as a JSON escape. "
    "Nothing was queued."
)
_TOO_LARGE = f"The body is larger than {LARGEST_BODY} bytes; send less, or a reference to it. Nothing was queued."
_BUSY = "The queue is busy; send the request again later, with the same Idempotency-Key."
_OURS = "The queue cannot be reached because of a fault on our side. Nothing was queued; send the request again later."


def _wrong(header: Header) -> str:
    return f"{header.name} must be 1 to 128 letters, digits or punctuation marks without spaces. Nothing was queued."


def _preamble(route: Route) -> list[str]:
    """Reads the headers, settles the correlation id and finds what is wrong. Prints nothing."""
    read = [Header("X-Correlation-Id", "correlation", CORRELATION), Header("X-Amzn-Trace-Id", "trace", TRACE)]
    checked = headers(route)
    parts = [f"#set(${header.variable} = '')" for header in (*read, *checked)]
    parts += [
        "#set($wrong = '')",
        "#set($headers = $input.params().get('header'))",
        "#foreach($name in $headers.keySet())",
    ]
    parts += [
        f"#if($name.toLowerCase() == '{header.name.lower()}')#set(${header.variable} = $headers.get($name))#end"
        for header in (*read, *checked)
    ]
    parts += [
        "#end",
        f"#if(!$correlation.matches('{CORRELATION}'))#set($correlation = $context.requestId)#end",
        f"#if(!$trace.matches('{TRACE}'))#set($trace = '')#end",
    ]
    parts += [
        f"#if(${header.variable} != '' && !${header.variable}.matches('{header.pattern}'))"
        f"#set($wrong = '{_wrong(header)}')#end"
        for header in checked
    ]
    if route.group is not None:
        name = route.group
        parts += [
            f"#set($group = $input.params().get('path').get('{name}'))",
            f"#if(!$group.matches('{IDENTIFIER}'))#set($wrong = '{_wrong(Header(name, 'group', IDENTIFIER))}')#end",
        ]
    return parts


def _identifiers(route: Route, queue: Queue) -> list[str]:
    if not queue.fifo:
        return []
    return [
        "&MessageGroupId=$util.urlEncode($group)",
        "&MessageDeduplicationId=$util.urlEncode($key)",
    ]


def _attributes(route: Route) -> list[str]:
    """Metadata as message attributes: those that are always there first, then what the caller may leave out."""
    always = {
        envelope.CORRELATION_ID: "$util.urlEncode($correlation)",
        envelope.RECEIVED_AT: "$context.requestTimeEpoch",
        envelope.ROUTE: quote(route.name, safe=""),
    }
    parts = [_attribute(str(number), name, value) for number, (name, value) in enumerate(always.items(), start=1)]
    parts.append(f"#set($number = {len(always)})")
    for name, variable in {envelope.IDEMPOTENCY_KEY: "key"}.items():
        parts += [
            f"#if(${variable} != '')#set($number = $number + 1)",
            _attribute("${number}", name, f"$util.urlEncode(${variable})"),
            "#end",
        ]
    return parts


def _attribute(number: str, name: str, value: str) -> str:
    prefix = f"&MessageAttribute.{number}"
    return f"{prefix}.Name={name}{prefix}.Value.DataType=String{prefix}.Value.StringValue={value}"
