"""The template language behaves as recorded from AWS or as AWS's reference says.

The recordings are those of LocalStack's suite against AWS (tests/aws/services/apigateway, cited by name); the
reference is https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from airspeed import TemplateError

from local.gateway.aws import _as_json
from local.gateway.velocity import Final, Input, render

SUCCESS = """<?xml version="1.0"?><SendMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">
<SendMessageResult><MessageId>m-1</MessageId><MD5OfMessageBody>d4</MD5OfMessageBody></SendMessageResult>
<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></SendMessageResponse>"""
ERROR = """<ErrorResponse>
<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>No &amp; no.</Message><Detail/></Error>
<RequestId>r-2</RequestId></ErrorResponse>"""


def rendered(template: str, body: str = "", context: dict[str, Any] | None = None, **places: dict[str, str]) -> str:
    given = Input(body, places.get("path", {}), places.get("query", {}), places.get("header", {}))
    return render(template, given=given, context=context or {}, stage_variables={"v": "blue"})


def test_a_request_without_a_body_reads_as_an_empty_object() -> None:
    # Recorded: test_sqs_aws_integration, "without-payload".
    assert rendered("Action=SendMessage&MessageBody=$input.body") == "Action=SendMessage&MessageBody={}"


def test_sqs_answers_in_the_json_that_templates_read() -> None:
    # Recorded: test_sqs_request_and_response_xml_templates_integration, "sqs-json-response".
    template = (
        "#set($responseBody = $input.path('$.SendMessageResponse'))"
        "#set($requestId = $input.path('$.SendMessageResponse.ResponseMetadata.RequestId'))"
        "#set($messageId = $responseBody.SendMessageResult.MessageId)"
        '{"requestId": "$requestId", "messageId": "$messageId"}'
    )
    assert json.loads(rendered(template, _as_json(SUCCESS))) == {"requestId": "r-1", "messageId": "m-1"}


def test_an_error_of_sqs_has_its_code_and_message() -> None:
    template = "#set($error = $input.path('$.Error'))$error.Code: $error.Message"
    assert rendered(template, _as_json(ERROR)) == "AccessDenied: No & no."


def test_what_is_json_already_stays_as_it_is() -> None:
    assert _as_json('{"a": 1}') == '{"a": 1}'


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("a b&c=d+e%f", "a+b%26c%3Dd%2Be%25f"),
        ("-_.*~!'()", "-_.*%7E%21%27%28%29"),
        ("é€😀\n\x00", "%C3%A9%E2%82%AC%F0%9F%98%80%0A%00"),
    ],
)
def test_url_encode_is_javas(text: str, encoded: str) -> None:
    assert rendered("$util.urlEncode($input.body)", text) == encoded


def test_escape_javascript_escapes_the_apostrophe_which_json_does_not_know() -> None:
    assert rendered("$util.escapeJavaScript($input.body)", 'it\'s "so"') == 'it\\\'s \\"so\\"'


def test_base64_is_of_the_utf_8_bytes() -> None:
    assert rendered("$util.base64Encode($input.body)", "é") == "w6k="
    assert rendered("$util.base64Encode($input.body).length()", "é") == "4"
    assert rendered("$util.base64Decode('w6k=')") == "é"


def test_lengths_and_hash_codes_are_javas() -> None:
    assert rendered("$input.body.length()", "a😀") == "3"
    assert rendered("$input.body.hashCode()", "hello world") == "1794106052"
    assert rendered("$input.body.hashCode()", "polygenelubricants") == "-2147483648"


def test_a_parameter_is_looked_for_in_path_then_query_then_headers() -> None:
    places: Any = {"path": {"a": "1"}, "query": {"a": "2", "b": "3"}, "header": {"a": "4", "b": "5", "c": "6"}}
    assert rendered("$input.params('a')$input.params('b')$input.params('c')$input.params('d')", **places) == "136"


def test_all_parameters_can_be_walked_as_in_awss_example() -> None:
    template = (
        "#set($allParams = $input.params())#foreach($type in $allParams.keySet())"
        "#set($params = $allParams.get($type))$type:#foreach($name in $params.keySet())"
        "$name=$util.escapeJavaScript($params.get($name));#end #end"
    )
    assert rendered(template, path={"id": "7"}, header={"X-A": "b"}) == "path:id=7; querystring: header:X-A=b; "


def test_header_names_keep_their_case() -> None:
    assert rendered("[$input.params('x-a')][$input.params('X-A')]", header={"X-A": "b"}) == "[][b]"


def test_what_is_not_there_prints_nothing() -> None:
    assert rendered("[$input.path('$.a.b')][$context.authorizer.tenant][$!nothing]", "{}") == "[][][]"


def test_answers_can_be_overridden() -> None:
    context: dict[str, Any] = {"responseOverride": {"header": {}, "status": 0}}
    rendered(
        "#set($context.responseOverride.status = 413)#set($context.responseOverride.header.Retry-After = '2')",
        context=context,
    )
    assert context["responseOverride"] == {"header": {"Retry-After": "2"}, "status": 413}


def test_a_request_is_overridden_once() -> None:
    context: dict[str, Any] = {"requestOverride": {"path": Final()}}
    rendered("#set($context.requestOverride.path.queue = 'a')", context=context)
    assert context["requestOverride"]["path"] == {"queue": "a"}
    with pytest.raises(TemplateError, match="overrides queue twice"):
        rendered("#set($context.requestOverride.path.queue = 'b')", context=context)


def test_stage_variables_and_indexes_are_read() -> None:
    assert rendered("$stageVariables.v $input.json('$.a[1]')", '{"a": [1, {"b": "é"}]}') == 'blue {"b":"é"}'
