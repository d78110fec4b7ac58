"""The mapping templates of what is read: HTTP request to DynamoDB's GetItem, and its answer to ours.

As with routes, a template cannot refuse a request: what breaks a rule asks DynamoDB for nothing, which it refuses, and
the template of the answer says why. Who calls is part of the key, as `functions.contracts.key.scoped` makes it, so that
no value of a path leads to another tenant's item.

An item's value becomes JSON by the kind that it has there, `S`, `N`, `BOOL`, `NULL`, `L` or `M`. What the contract does
not name, or names otherwise, is not printed. Texts go through `$util.escapeJavaScript`, whose `\\'` is none of JSON's:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from functions.contracts import tracked
from functions.contracts.key import joined
from stacks.edge import mapping_template as template
from stacks.edge.answers import RETRY_AFTER
from stacks.entry import Authorized
from stacks.status import Read

UNTIL_CHANGED = "private, no-cache"
"""How long an answer may be used: it is one caller's, and asked for anew each time."""
NEVER = "no-store"
ETAG = "ETag"
CACHE = "Cache-Control"
ESCAPED = '.replaceAll("\\\\\'","\'")'
"""What makes of `escapeJavaScript`'s text JSON's, as its documentation says."""
NUMBER = "-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?"
"""What is a number in JSON. https://www.rfc-editor.org/rfc/rfc8259#section-6"""

NOT_THERE = "There is nothing of that name."
UNKNOWN = (
    "Nothing is known of such a request: it waits for its first attempt, or was never accepted, which its 202 would "
    "say. Ask again later."
)
BUSY = "It cannot be read right now; send the request again later."
OURS = "It cannot be read because of a fault on our side. Send the request again later."


def wrong(read: Read) -> str:
    """What the caller reads whose path names what cannot be."""
    return f"{read.parameter}, in the path, must match {read.pattern} as a whole."


def wrong_tenant(read: Read) -> str:
    """What the caller of a wrong header for the tenant reads."""
    return (
        f"{read.route.tenant_header} must be 1 to {template.LONGEST_IDENTIFIER} letters, digits or punctuation marks "
        "without spaces."
    )


def request(read: Read, authorized: Authorized, table: str) -> str:
    """The body of GetItem for the table of that physical name; for a request that breaks a rule an empty one."""
    attributes = [*_attributes(read)]
    asked = {
        "TableName": table,
        "Key": {read.key: {"S": "$escaped"}},
        "ConsistentRead": True,
        "ProjectionExpression": ",".join(f"#{number}" for number in range(len(attributes))),
        "ExpressionAttributeNames": {f"#{number}": name for number, name in enumerate(attributes)},
    }
    # A '#' in front of a digit is none of Velocity's words.
    return "".join([*_judged(read, authorized), f"#if($wrong == ''){json.dumps(asked)}#{{else}}{{}}#end"])


def _attributes(read: Read) -> Iterator[str]:
    """The item's attributes that are asked for. At least one: the key stays here, it is said by the path."""
    names = [field.encode_name for field in _struct(read.answers).fields if field.encode_name != read.key]
    yield from names or [read.key]
    if read.of_requests:
        yield from (tracked.LATER, tracked.LATER_FROM)


def found(read: Read, authorized: Authorized) -> str:
    """The answer when DynamoDB answered: the item as JSON, 304 to who has it already, or 404."""
    parts = [
        *_judged(read, authorized),
        *template.headed(read.route),
        "#set($root = $input.path('$'))#if($root.keySet().contains('Item'))",
        "#set($item = $root.get('Item'))",
        *(_later() if read.of_requests else ()),
        *_tagged(read),
        f"#set($context.responseOverride.header.{CACHE} = '{UNTIL_CHANGED}')",
        "#if($same)#set($context.responseOverride.status = 304)#{else}",
        *_object(_struct(read.answers), "item", 0, {read.key: "$asked"} if not read.of_requests else {}),
        "#end#{else}",
        *_missing(read),
        "#end",
    ]
    return "".join(parts)


def _missing(read: Read) -> Iterator[str]:
    """What is not there is a 404. Of a request nobody can tell whether it waits or never was, and that is said."""
    yield f"#set($context.responseOverride.header.{CACHE} = '{NEVER}')"
    if read.of_requests:
        yield f"#set($context.responseOverride.header.Retry-After = '{RETRY_AFTER}')"
        yield f'{{"status":"{tracked.UNKNOWN}","message":"{UNKNOWN}","correlation_id":"$correlation"}}'
    else:
        yield "#set($context.responseOverride.status = 404)"
        yield f'{{"message":"{NOT_THERE}","correlation_id":"$correlation"}}'


def refused(read: Read, authorized: Authorized) -> str:
    """The answer to DynamoDB's 4xx: what is wrong with the request, or with us; DynamoDB throttles with a 400."""
    parts = [
        *_judged(read, authorized),
        *template.headed(read.route),
        f"#set($context.responseOverride.header.{CACHE} = '{NEVER}')",
        "#set($type = \"$!input.path('$.__type')\")",
        "#if($wrong != '')",
        "#set($message = $wrong)",
        "#elseif($type.contains('Throttl') || $type.contains('LimitExceeded') || $type.contains('ThroughputExceeded'))",
        *template.throttled_or_ours(BUSY, OURS),
    ]
    return "".join(parts)


def failed(read: Read, authorized: Authorized, *, busy: bool) -> str:
    """The answer to DynamoDB's 5xx (`busy`) and to anything that it does not document."""
    again = f"#set($context.responseOverride.header.Retry-After = '{RETRY_AFTER}')" if busy else ""
    never = f"#set($context.responseOverride.header.{CACHE} = '{NEVER}')"
    answer = f'{{"message":"{BUSY if busy else OURS}","correlation_id":"$correlation"}}'
    return "".join([*template.known(read.route, authorized), *template.headed(read.route), never, again, answer])


def _judged(read: Read, authorized: Authorized) -> Iterator[str]:
    """Settles the correlation id, the tenant and the key, and finds what is wrong. Prints nothing."""
    yield from template.known(read.route, authorized)
    yield "#set($wrong = '')#set($status = 400)"
    if read.route.tenant_header is not None:
        yield f"#if($named != '' && !$named.matches('{template.IDENTIFIER}'))"
        yield f"#set($wrong = '{wrong_tenant(read)}')#end"
    yield f"#set($asked = $input.params().get('path').get('{read.parameter}'))"
    yield template.rule("asked", read.pattern, wrong(read))
    if read.route.tenant is not None:
        yield from (said.replace(f" {template.NOTHING}", "") for said in template.judged_tenant(read.route, authorized))
    # As `functions.contracts.key.joined` writes each part.
    assert joined("%/") == "%25%2F"
    yield "#set($key = $asked.replaceAll('%', '%25').replaceAll('/', '%2F'))"
    if read.route.tenant is not None:
        yield "#if($tenant != '')#set($tenantPart = $tenant.replaceAll('%', '%25').replaceAll('/', '%2F'))"
        yield '#set($key = "/$tenantPart/$key")#end'
    yield f"#set($escaped = $util.escapeJavaScript($key){ESCAPED})"


def _later() -> Iterator[str]:
    """Takes what is true from a time on, once that has come. Both times have thirteen digits until the year 2286."""
    yield "#set($turned = '')"
    yield f"#if($item.keySet().contains('{tracked.LATER}') && $item.keySet().contains('{tracked.LATER_FROM}'))"
    yield f"#set($from = $item.get('{tracked.LATER_FROM}').get('N'))#set($time = \"$context.requestTimeEpoch\")"
    yield "#set($order = $time.compareTo($from))#if($order > 0)"
    yield f"#set($item = $item.get('{tracked.LATER}').get('M'))#set($turned = 'l')#end#end"


def _tagged(read: Read) -> Iterator[str]:
    """Sets `ETag`, and `$same` where the caller has what it stands for.

    It is of what DynamoDB said and of this template: two hash codes of 32 bits, of the text and of its base64. Where a
    hash code is no number, should an engine not know it, there is none.
    """
    shape = json.dumps(["".join(_object(_struct(read.answers), "item", 0, {}))])
    digest = hashlib.sha256(shape.encode()).hexdigest()[:8]
    yield "#set($raw = $input.json('$'))#set($coded = $util.base64Encode($raw))"
    yield "#set($one = $raw.hashCode())#set($other = $coded.hashCode())#set($same = false)"
    turned = "${turned}" if read.of_requests else ""
    yield f"#set($tag = \"{digest}{turned}.${{one}}.${{other}}\")#if($tag.matches('[0-9a-f]+l?[.]-?[0-9]+[.]-?[0-9]+'))"
    yield '#set($quote = \'"\')#set($tag = "${quote}${tag}${quote}")'
    yield f"#set($context.responseOverride.header.{ETAG} = $tag)"
    yield "#set($headers = $input.params().get('header'))#foreach($header in $headers.keySet())"
    yield "#if($header.toLowerCase() == 'if-none-match')#set($known = $headers.get($header))"
    yield "#if($known == '*' || $known.contains($tag))#set($same = true)#end#end#end#end"


def _struct(kind: Any) -> inspect.StructType:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info


def _object(struct: inspect.StructType, variable: str, depth: int, said: dict[str, str]) -> Iterator[str]:
    """The map in the variable as an object with the fields of the contract; `said` are those that it does not hold."""
    comma, value = f"comma{depth}", f"value{depth}"
    yield f"{{#set(${comma} = '')"
    for field in struct.fields:
        name = field.encode_name
        if name in said:
            yield f'${{{comma}}}"{name}":"{said[name]}"#set(${comma} = \',\')'
            continue
        yield f"#if(${variable}.keySet().contains('{name}'))#set(${value} = ${variable}.get('{name}'))"
        kinds = _kinds(field.type)
        fits = " || ".join(condition for condition, _ in _forms(kinds, value, depth))
        yield f'#if({fits})${{{comma}}}"{name}":'
        yield from _value(kinds, value, depth)
        yield f"#set(${comma} = ',')#end#end"
    yield "}"


def _kinds(info: Any) -> list[Any]:
    """The kinds that a value may be of, without what else is said of it."""
    match info:
        case inspect.Metadata(type=inner):
            return _kinds(inner)
        case inspect.UnionType(types=types):
            return [kind for each in types for kind in _kinds(each)]
    return [info]


def _value(kinds: list[Any], variable: str, depth: int) -> Iterator[str]:
    """The value in the variable as JSON, null where it is of no kind that it may be of."""
    word = "if"
    for condition, form in _forms(kinds, variable, depth):
        yield f"#{word}({condition}){form}"
        word = "elseif"
    yield "#{else}null#end"


def _forms(kinds: list[Any], variable: str, depth: int) -> list[tuple[str, str]]:
    """For each kind whether the value in the variable is of it, and what it is as JSON."""
    forms: dict[str, str] = {}
    number = f" && ${variable}.get('N').matches('{NUMBER}')"
    for kind in kinds:
        match kind:
            case inspect.StrType():
                forms["S"] = _text(f"${variable}.get('S')")
            case inspect.IntType() | inspect.FloatType():
                forms["N"] = f"${variable}.get('N')"
            case inspect.BoolType():
                forms["BOOL"] = f"#if(${variable}.get('BOOL'))true#{{else}}false#end"
            case inspect.NoneType():
                forms["NULL"] = "null"
            case inspect.LiteralType(values=values):
                forms |= dict(_forms_of(values, variable))
            case inspect.EnumType(cls=cls):
                forms |= dict(_forms_of([each.value for each in cls], variable))
            case inspect.ListType(item_type=inner) | inspect.VarTupleType(item_type=inner):
                forms["L"] = "".join(_list(_kinds(inner), variable, depth))
            case inspect.DictType(value_type=inner):
                forms["M"] = "".join(_map(_kinds(inner), variable, depth))
            case inspect.StructType() as struct:
                inside = f"map{depth}"
                forms["M"] = f"#set(${inside} = ${variable}.get('M'))" + "".join(_object(struct, inside, depth + 1, {}))
    return [
        (f"(${variable}.keySet().contains('{kind}'){number if kind == 'N' else ''})", form)
        for kind, form in forms.items()
    ]


def _forms_of(values: Any, variable: str) -> Iterator[tuple[str, str]]:
    for value in values:
        if isinstance(value, str):
            yield "S", _text(f"${variable}.get('S')")
        elif value is None:
            yield "NULL", "null"
        else:
            yield "N", f"${variable}.get('N')"


def _text(value: str) -> str:
    return f'"$util.escapeJavaScript({value}){ESCAPED}"'


def _list(kinds: list[Any], variable: str, depth: int) -> Iterator[str]:
    comma, each = f"between{depth}", f"each{depth}"
    yield f"[#set(${comma} = '')#foreach(${each} in ${variable}.get('L'))${{{comma}}}"
    yield from _value(kinds, each, depth + 1)
    yield f"#set(${comma} = ',')#end]"


def _map(kinds: list[Any], variable: str, depth: int) -> Iterator[str]:
    comma, name, all_, each = (f"{word}{depth}" for word in ("between", "name", "all", "each"))
    yield f"{{#set(${comma} = '')#set(${all_} = ${variable}.get('M'))#foreach(${name} in ${all_}.keySet())"
    yield f"${{{comma}}}{_text(f'${name}')}:#set(${each} = ${all_}.get(${name}))"
    yield from _value(kinds, each, depth + 1)
    yield f"#set(${comma} = ',')#end}}"
