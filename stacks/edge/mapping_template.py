"""The mapping templates of a route: HTTP request to SendMessage, and SQS's answer to ours.

Velocity, in the part of it that API Gateway documents
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html). Three rules
keep a caller from fooling it:

- Every value that comes from the caller passes `$util.urlEncode` on its way into SendMessage's query protocol.
- A template cannot refuse a request. What breaks a rule is therefore sent without its message body, which SQS refuses
  by its contract (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html), and the
  answer's template, which reads the same headers by the same rules, says why. Nothing can be queued that way.
- Header names are compared in lower case, because HTTP/2 clients send them so and `$input.params()` keeps the case. A
  header that must be there is judged here as well: API Gateway compares the names of required ones exactly.
  https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html

A template is one line: a line break would become part of the value it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from functions.contracts import envelope
from functions.contracts.path import path_field
from functions.contracts.webhooks import SCHEMES
from stacks.edge import content_type, delays, lanes
from stacks.edge.answers import RETRY_AFTER
from stacks.entry import Authorized, Queue, Route

# SQS takes 1 MiB with the message attributes. We keep 2 KiB for those; a multiple of three is exact in base64.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
LARGEST_BODY = 1_046_526

# What SQS takes as a group or deduplication id: printable ASCII without the space.
LONGEST_IDENTIFIER = 128
IDENTIFIER = f"[!-~]{{1,{LONGEST_IDENTIFIER}}}"
CORRELATION = "[A-Za-z0-9_.:+/=@-]{1,128}"
TOPIC = "[A-Za-z0-9_.:/+=@-]{1,64}"
# A trace header whose sender has decided whether the trace is sampled. SQS prefers AWSTraceHeader to the header that
# API Gateway sends along by itself, so one without that decision would take away API Gateway's own.
# https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html
TRACE = "Root=1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}(;Parent=[0-9a-fA-F]{16})?;Sampled=[01]"

HASH = "$input.body.hashCode()"
# A deduplication id is the key and the body's hash code, always: SQS drops a repeated id without a word, but the same
# key with another body is an error that the consumer must see, and no key may be what another makes with its hash code.
# There is room for the reference itself, should AWS not know it.
LONGEST_HASHED_KEY = LONGEST_IDENTIFIER - len(f":{HASH}")

KEY = "Idempotency-Key"
DELAY_SECONDS = delays.SECONDS
CORRELATION_ID = "X-Correlation-Id"
TRACE_ID = "X-Amzn-Trace-Id"
TENANT = "X-Tenant"
"""The header of an answer, and of the access log's line: the tenant that the request was for, URL-encoded."""

NOTHING = "Nothing was queued."
_WRONG_IDENTIFIER = f"must be 1 to {{}} letters, digits or punctuation marks without spaces. {NOTHING}"
WRONG_SIGNATURE = f"The signature header of this sender is missing or malformed. {NOTHING}"
NOT_A_TENANT = f"Who calls has no identity that can be a tenant. {NOTHING}"
_WRONG_TOPIC = f"must be 1 to 64 letters, digits or any of _.:/+=@-. {NOTHING}"
NO_SENDER = f"There is no such sender of webhooks. {NOTHING}"
CHARACTERS = (
    "The body is not UTF-8, or holds U+FFFD, U+FFFE or U+FFFF, which do not travel as they are; write such a character "
    f"as a JSON escape. {NOTHING}"
)
BUSY = f"The queue is busy; send the request again later, with the same {KEY} if it had one."
# API Gateway puts U+FFFD for bytes that are no UTF-8 before a template sees the body: other bytes than were sent. SQS
# refuses U+FFFE and U+FFFF, or by an older text of the same page keeps U+FFFD for them.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
REPLACED = ("%EF%BF%BD", "%EF%BF%BE", "%EF%BF%BF")
# What a body with one of them becomes: an action that SQS does not have, whose error is none of a body left out.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
_NO_ACTION = "Action=RefuseBody&Version=2012-11-05"
_NO_BODY = "Action=SendMessage&Version=2012-11-05"
OURS = f"The queue cannot be reached because of a fault on our side. {NOTHING} Send the request again later."


def throttled_or_ours(busy: str, ours: str) -> Iterator[str]:
    """The end of an answer's template, after the condition for what is throttled: 503 with one message, else 500."""
    yield f"#set($status = 503)#set($message = '{busy}')"
    yield f"#set($context.responseOverride.header.Retry-After = '{RETRY_AFTER}')"
    yield f"#else#set($status = 500)#set($message = '{ours}')#end"
    yield "#set($context.responseOverride.status = $status)"
    yield '{"message":"$message","correlation_id":"$correlation"}'


def longest_key(route: Route) -> int:
    """The most characters that a key may have: on a FIFO queue the body's hash code has room behind it."""
    return LONGEST_HASHED_KEY if route.group is not None else LONGEST_IDENTIFIER


def wrong_key(route: Route) -> str:
    """What the caller of a wrong key reads."""
    return f"{KEY} {_WRONG_IDENTIFIER.format(longest_key(route))}"


def largest_body(route: Route) -> int:
    """The most bytes that a body of the route may have: a multiple of three, which is exact in base64."""
    return min(route.accepts.largest_body or LARGEST_BODY, LARGEST_BODY) // 3 * 3


def too_large(route: Route) -> str:
    """What the caller of a larger one reads."""
    return f"The body is larger than {largest_body(route)} bytes; send less, or a reference to it. {NOTHING}"


def largest_delayed(route: Route) -> int:
    """The most bytes of a body that is to wait for longer than SQS delays it."""
    return min(delays.LARGEST_BODY, largest_body(route))


def too_large_to_wait(route: Route) -> str:
    """What the caller of a larger one reads."""
    return (
        f"The body is larger than {largest_delayed(route)} bytes, the most that can wait for longer than 15 minutes; "
        f"send less, or a reference to it. {NOTHING}"
    )


def another_tenant(route: Route) -> str:
    """What a caller reads that names a tenant and is not trusted to."""
    return f"{route.tenant} names another tenant than the one that calls; leave it out. {NOTHING}"


def variables(route: Route) -> dict[str, str]:
    """The headers that the route reads, each with the template's variable for it."""
    read = {CORRELATION_ID: "correlation", TRACE_ID: "trace", KEY: "key"}
    if route.tenant_header is not None:
        read[route.tenant_header] = "named"
    if route.delay:
        read |= {delays.SECONDS: "delay", delays.UNTIL: "until"}
    if route.lane_header is not None:
        read[route.lane_header] = lanes.VARIABLE
    for name in sorted(set(route.senders.values())):
        scheme = SCHEMES[name]
        read[scheme.header] = f"{name}Signature"
        if scheme.topic:
            read[scheme.topic] = f"{name}Topic"
    return read


def request(route: Route, queue: Queue, authorized: Authorized) -> str:
    """The body of SendMessage in the query protocol, where callers show who they are as `authorized` says."""
    parts = [
        *_preamble(route, authorized),
        "#set($body = '')",
        *_most(route),
        "#if($wrong == '' && $util.base64Encode($input.body).length() <= $most)"
        if route.delay
        else f"#if($wrong == '' && $util.base64Encode($input.body).length() <= {largest_body(route) // 3 * 4})",
        "#set($body = $util.urlEncode($input.body))#end#set($upper = $body.toUpperCase())",
        f"#if($body == ''){_NO_BODY}",
        "#elseif(" + " || ".join(f"$upper.contains('{each}')" for each in REPLACED) + f"){_NO_ACTION}",
        "#{else}Action=SendMessage&Version=2012-11-05&MessageBody=$body",
        *_identifiers(route, queue),
        *_attributes(route, authorized),
        "#if($trace != '')",
        "&MessageSystemAttribute.1.Name=AWSTraceHeader",
        "&MessageSystemAttribute.1.Value.DataType=String",
        "&MessageSystemAttribute.1.Value.StringValue=$util.urlEncode($trace)",
        "#end",
        "#end",
    ]
    return "".join(parts)


def accepted(route: Route, authorized: Authorized, located: str = "") -> str:
    """The answer when SQS holds the message; `located` says where to read what becomes of it."""
    body = '{"message_id":"$!input.path(\'$.SendMessageResponse.SendMessageResult.MessageId\')"'
    return "".join([*known(route, authorized), *headed(route), located, body, ',"correlation_id":"$correlation"}'])


def refused(route: Route, authorized: Authorized) -> str:
    """The answer to SQS's 4xx: a wrong header or body is the caller's, everything else is ours."""
    parts = [
        *_preamble(route, authorized),
        *headed(route),
        "#set($error = $input.path('$.Error'))",
        '#set($code = "$!error.Code")',
        '#set($reason = "$!error.Message")',
        "#if($wrong != '')",
        "#set($message = $wrong)",
        "#elseif($code == 'InvalidMessageContents' || $code == 'InvalidAction' || $code.startsWith('UnknownOp'))",
        f"#set($message = '{CHARACTERS}')",
        "#elseif($code.startsWith('Missing') || $reason.contains('shorter than'))",
        f"#set($status = 413)#set($message = '{too_large(route)}')",
        f"#if($long)#set($message = '{too_large_to_wait(route)}')#end" if route.delay else "",
        "#elseif($code.contains('Throttl') || $code == 'OverLimit')",
        *throttled_or_ours(BUSY, OURS),
    ]
    return "".join(parts)


def failed(route: Route, authorized: Authorized, *, busy: bool) -> str:
    """The answer to SQS's 5xx (`busy`) and to anything that SQS does not document."""
    again = f"#set($context.responseOverride.header.Retry-After = '{RETRY_AFTER}')" if busy else ""
    message = BUSY if busy else OURS
    answer = f'{{"message":"{message}","correlation_id":"$correlation"}}'
    return "".join([*known(route, authorized), *headed(route), again, answer])


_SETTLED = f"#if(!$correlation.matches('{CORRELATION}'))#set($correlation = $context.requestId)#end"


def known(route: Route, authorized: Authorized) -> Iterator[str]:
    """Settles the correlation id and the tenant, and reads nothing else. Prints nothing."""
    read = {header: variable for header, variable in variables(route).items() if variable in ("correlation", "named")}
    yield from (f"#set(${variable} = '')" for variable in read.values())
    yield "#set($headers = $input.params().get('header'))#foreach($name in $headers.keySet())"
    for header, variable in read.items():
        yield f"#if($name.toLowerCase() == '{header.lower()}')#set(${variable} = $headers.get($name))#end"
    yield f"#end{_SETTLED}"
    if route.tenant is not None:
        yield from _tenant(route, authorized)


def headed(route: Route) -> Iterator[str]:
    """Sets the headers of an answer, from which the access log takes the correlation id and the tenant."""
    yield f"#set($context.responseOverride.header.{CORRELATION_ID} = $correlation)"
    if route.tenant_header is not None:
        # What was named is told where it was refused, too.
        yield f"#if($named.matches('{IDENTIFIER}'))#set($tenant = $named)#end"
    if route.tenant is not None:
        # Encoded, because nobody has seen what the access log does with a quote.
        yield f"#if($tenant != '')#set($context.responseOverride.header.{TENANT} = $util.urlEncode($tenant))#end"


def _preamble(route: Route, authorized: Authorized) -> Iterator[str]:
    """Reads the headers, settles the correlation id and the tenant, and finds what is wrong. Prints nothing."""
    read, rules = variables(route), delays.RULES | lanes.rules(route)
    yield from (f"#set(${variable} = '')" for variable in read.values())
    yield "#set($wrong = '')#set($status = 400)#set($json = true)"
    yield "#set($headers = $input.params().get('header'))#foreach($name in $headers.keySet())"
    yield "#set($lower = $name.toLowerCase())"
    yield "#if($lower == 'content-type')#set($type = $headers.get($name))"
    yield f"#if(!$type.matches('{content_type.PATTERN}'))#set($json = false)#end"
    for header, variable in read.items():
        yield f"#elseif($lower == '{header.lower()}')#set(${variable} = $headers.get($name))"
        if variable in ("key", "named"):
            longest, wrong = LONGEST_IDENTIFIER, f"{header} {_WRONG_IDENTIFIER.format(LONGEST_IDENTIFIER)}"
            if variable == "key":
                longest, wrong = longest_key(route), wrong_key(route)
            yield rule(variable, f"[!-~]{{1,{longest}}}", wrong)
        if variable in rules:
            pattern, wrong = rules[variable]
            yield rule(variable, pattern, f"{wrong} {NOTHING}")
    yield "#end#end"
    if route.group is not None:  # a FIFO queue, which needs a deduplication id
        yield f"#if($key == '')#set($wrong = '{wrong_key(route)}')#end"
    if route.delay:
        yield from delays.judged(NOTHING)
    yield _SETTLED
    yield f"#if(!$trace.matches('{TRACE}'))#set($trace = '')#end"
    if route.tenant is not None:
        yield from _tenant(route, authorized)
    if route.group is not None:
        yield from _group(route, route.group)
    if route.tenant is not None:
        yield from judged_tenant(route, authorized)
    if route.senders:
        yield from _sender(route)
    yield f"#if(!$json)#set($status = 415)#set($wrong = '{content_type.REFUSED} {NOTHING}')#end"


def _most(route: Route) -> Iterator[str]:
    """What the body may have, in base64, where that depends on how long it waits."""
    if route.delay:
        yield f"#set($most = {largest_body(route) // 3 * 4})"
        yield f"#if($long)#set($most = {largest_delayed(route) // 3 * 4})#end"


def rule(variable: str, pattern: str, wrong: str) -> str:
    """Says what is wrong where the variable does not match."""
    return f"#if(!${variable}.matches('{pattern}'))#set($wrong = '{wrong}')#end"


def _group(route: Route, parameter: str) -> Iterator[str]:
    """The value of the path, and the group of it: as `functions.contracts.key.scoped` makes one of a tenant's own."""
    yield f"#set($group = $input.params().get('path').get('{parameter}'))"
    field = path_field(route.accepts)
    assert field is not None, "stacks.rules says so"
    wrong = f"{parameter}, in the path, must match {field.pattern} as a whole. {NOTHING}"
    yield rule("group", field.pattern, wrong)
    if route.tenant is not None:
        yield "#if($tenant != '')"
        for variable in ("tenant", "group"):
            yield f"#set(${variable}Part = ${variable}.replaceAll('%', '%25').replaceAll('/', '%2F'))"
        yield '#set($group = "/$tenantPart/$groupPart")#end'
    long = f"{parameter} and the tenant are" if route.tenant else f"{parameter} is"
    long += f" too long for a message group of {LONGEST_IDENTIFIER} characters. {NOTHING}"
    yield f"#if($wrong == '' && $group.length() > {LONGEST_IDENTIFIER})#set($wrong = '{long}')#end"


# Who calls, as API Gateway knows it, and whose tenant the caller is: `stacks.edge.clients` names who holds a key.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
_CALLERS: Mapping[str, tuple[str, str]] = {
    "jwt": ("context.authorizer.principalId", "context.authorizer.tenant"),
    "api_key": ("context.identity.apiKeyId", "client"),
    "iam": ("context.identity.caller", "context.identity.caller"),
}


def _tenant(route: Route, authorized: Authorized) -> Iterator[str]:
    """The tenant is who calls; whoever may name another, and does, decides it. Where nobody is asked who they are, all
    may."""
    if authorized not in _CALLERS:
        yield "#set($tenant = '')"
    else:
        yield f'#set($tenant = "$!{_CALLERS[authorized][1]}")'
    if authorized == "iam":
        # A role's sessions are one signer, but for a Cognito pool's users, who all have one role and a session of one
        # name. A role's caller is `<id of the role>:<session>`, and each of its workers may have a session of its own.
        yield "#if($tenant.matches('AROA[A-Z0-9]+:.+'))#set($tenant = $tenant.replaceAll(':.+', ''))#end"
        yield "#if(\"$!context.identity.cognitoIdentityId\" != '')"
        yield '#set($tenant = "$!context.identity.cognitoIdentityId")#end'
    if route.tenant_header is not None and authorized in ("none", *route.trusts):
        yield "#if($named != '')#set($tenant = $named)#end"


def judged_tenant(route: Route, authorized: Authorized) -> Iterator[str]:
    """Finds what is wrong with the tenant."""
    if authorized not in _CALLERS:
        return
    if route.tenant_header is not None and authorized not in route.trusts:
        yield f"#if($wrong == '' && $named != '' && $named != $tenant)#set($wrong = '{another_tenant(route)}')#end"
    # Without a tenant the message would be among those of requests that have none, whoever sent them.
    yield f"#if($wrong == '' && !$tenant.matches('{IDENTIFIER}'))#set($status = 403)#set($wrong = '{NOT_A_TENANT}')#end"


def _sender(route: Route) -> Iterator[str]:
    yield "#set($sender = $input.params().get('path').get('source'))#set($signature = '')#set($topic = '')"
    for position, (sender, name) in enumerate(sorted(route.senders.items())):
        scheme = SCHEMES[name]
        yield f"#{'elseif' if position else 'if'}($sender == '{sender}')"
        yield f"#if(${name}Signature.matches('{scheme.pattern}'))#set($signature = \"{name} ${name}Signature\")"
        yield f"#else#set($wrong = '{WRONG_SIGNATURE}')#end"
        if scheme.topic:
            # It tells deliveries of one body apart, so none is left out without a word.
            yield f"#if(${name}Topic != '')#set($topic = ${name}Topic)"
            yield rule("topic", TOPIC, f"{scheme.topic} {_WRONG_TOPIC}") + "#end"
    yield f"#else#set($status = 404)#set($wrong = '{NO_SENDER}')#end"


def _identifiers(route: Route, queue: Queue) -> Iterator[str]:
    if queue.fifo:
        yield "&MessageGroupId=$util.urlEncode($group)&MessageDeduplicationId=$util.urlEncode($key)"
        # Quoted, so that it is one text to encode, whatever becomes of it.
        yield f':$util.urlEncode("{HASH}")'
    elif route.tenant is not None:
        yield "#if($tenant != '')&MessageGroupId=$util.urlEncode($tenant)#end"
    if route.delay:
        yield "#if($delay != '' && !$long)&DelaySeconds=$util.urlEncode($delay)#end"


def _attributes(route: Route, authorized: Authorized) -> Iterator[str]:
    """Metadata as message attributes: those that are always there first, then what the caller may leave out."""
    always = {
        envelope.CORRELATION_ID: "$util.urlEncode($correlation)",
        envelope.RECEIVED_AT: "$context.requestTimeEpoch",
        envelope.ROUTE: quote(route.name, safe=""),
    }
    sometimes = {envelope.IDEMPOTENCY_KEY: "key"}
    if route.tenant is not None:
        sometimes[envelope.TENANT] = "tenant"
    if authorized in route.trusts:
        yield f'#set($caller = "$!{_CALLERS[authorized][0]}")'
        sometimes[envelope.CALLER] = "caller"
    if route.senders:
        always |= {
            envelope.SENDER: "$util.urlEncode($sender)",
            envelope.SIGNATURE: "$util.urlEncode($signature)",
        }
        sometimes[envelope.TOPIC] = "topic"
    if route.delay:
        yield delays.SAID
        sometimes[envelope.DELIVER_AT] = "deliver"
    for number, (name, value) in enumerate(always.items(), start=1):
        yield _attribute(str(number), name, value)
    yield f"#set($number = {len(always)})"
    for name, variable in sometimes.items():
        yield f"#if(${variable} != '')#set($number = $number + 1)"
        yield _attribute("${number}", name, f"$util.urlEncode(${variable})")
        yield "#end"


def _attribute(number: str, name: str, value: str) -> str:
    prefix = f"&MessageAttribute.{number}"
    return f"{prefix}.Name={name}{prefix}.Value.DataType=String{prefix}.Value.StringValue={value}"
