"""What a template prints of a caller's words is found, however it gets there."""

from __future__ import annotations

import pytest

from stacks.invariants.velocity import overriding, unencoded


@pytest.mark.parametrize(
    "template",
    [
        "MessageBody=$input.body",
        "MessageBody=$input.json('$')",
        "MessageBody=$!input.body",
        "MessageBody=${input.body}",
        "MessageBody=$util.base64Encode($input.body)",
        "MessageBody=$util.escapeJavaScript($util.urlDecode($input.body))",
        "Path=$context.path",
        "Agent=$context.identity.userAgent",
        "Who=$context.authorizer.tenant",
        "#set($body = $input.body)MessageBody=$body",
        '#set($body = $input.body)#set($again = "x$body")MessageBody=${again}',
        "#foreach($name in $input.params().header.keySet())$name#end",
        "#set($safe = $util.urlEncode($input.body))#set($safe = $input.body)X=$safe",
        "#if($input.params('a') == ')')$input.params('a')#end",
        "X=$util.urlEncode('a')&Y=$input.params('y')",
        "#set($body = $util.urlEncode($input.body))MessageBody=$util.urlDecode($body)",
        "#set($body = $util.urlEncode($input.body))#set($x = $util.urlDecode($body))MessageBody=$x",
        "#set($body = $util.urlEncode($input.body))MessageBody=$body.replaceAll('%26', '&')",
        "#set($body = $util.urlEncode($input.body))MessageBody=$body.toUpperCase().replaceAll('%26', '&')",
        "#set($body = $util.urlEncode($input.body))#set($x = $body.replace('%26', '&'))MessageBody=$x",
        "MessageBody=$util.urlEncode($input.body).replaceAll('%26', '&')",
        "#set($l = [])#set($_ = $l.add($input.body))MessageBody=$l.get(0)",
        "#set($l = [])#if($l.add($input.body))MessageBody=$l[0]#end",
        "#set($m = {})#set($_ = $m.put('a', $input.body))MessageBody=$m.a",
        "#set($m = {})#set($_ = $l.add($m.put('a', $input.body)))MessageBody=$m.a",
        "#set($b.x = $input.body)MessageBody=$b.x",
        "#set($util.x = $input.body)MessageBody=$util.x",
    ],
)
def test_a_callers_words_are_found(template: str) -> None:
    assert len(unencoded(template)) == 1


@pytest.mark.parametrize(
    "template",
    [
        "Action=SendMessage&MessageBody=$util.urlEncode($input.body)",
        "Id=$context.requestId&At=$context.requestTimeEpoch",
        "#set($body = $input.body)MessageBody=$util.urlEncode($body)",
        "#set($body = $util.urlEncode($input.body))MessageBody=$body",
        "#set($n = 1)#set($n = $n + 1)MessageAttribute.${n}.Name=x",
        "#if($input.body.length() > 5)long#{else}short#end",
        "Price=5$ and $",
        "#set($body = $util.urlEncode($input.body))#set($upper = $body.toUpperCase())MessageBody=$upper",
        "#set($l = [])#set($_ = $l.add($util.urlEncode($input.body)))MessageBody=$l[0]",
        *(
            f"#set($body = $util.urlEncode($input.body))X=$body.{method}('a')"
            for method in ("length", "contains", "matches", "startsWith", "hashCode", "toUpperCase", "toLowerCase")
        ),
        "#set($body = $util.urlEncode($input.body))X=$body.isEmpty()",
        "#set($body = $util.urlEncode($input.body))At=$util.parseJson('{}')",
        "#set($code = 'a')Code=$code.replaceAll('a', 'b')",
    ],
)
def test_what_is_encoded_or_ours_is_not(template: str) -> None:
    assert unencoded(template) == []


@pytest.mark.parametrize(
    "value",
    [
        "$input.params('queue')",
        "$queue",
        '"a-$queue"',
        "$util.urlEncode($input.body)",
        "$context.path",
        "$queue.toUpperCase()",
    ],
)
def test_an_override_by_a_callers_words_is_found(value: str) -> None:
    template = f"#set($queue = $input.params('queue'))#set($context.requestOverride.path.queue = {value})A=1"
    assert len(overriding(template)) == 1


@pytest.mark.parametrize("value", ["'open'", "$queue", '"open-$queue"'])
def test_an_override_by_a_text_of_the_template_is_none(value: str) -> None:
    asked = "#set($lane = $input.params('lane'))#set($queue = 'a')#if($lane == 'high')#set($queue = 'b')#end"
    assert overriding(f"{asked}#set($context.requestOverride.path.queue = {value})A=$util.urlEncode($lane)") == []
