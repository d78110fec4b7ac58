"""A client that is asked as botocore's own, and answers and raises as that does; only no bytes are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.errorfactory import BaseClientExceptions, ClientExceptionsFactory
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator

from tests.aws import dynamodb, events, scheduler, ses, sqs
from tests.aws.errors import ServiceError

CHECKS: Mapping[str, Callable[[str, Mapping[str, Any]], None]] = {
    "dynamodb": dynamodb.check,
    "events": events.check,
    "scheduler": scheduler.check,
    "sesv2": ses.check,
    "sqs": sqs.check,
}
VALID = ParamValidator()
EXCEPTIONS = ClientExceptionsFactory()


class Client:
    """A client of `service` for what `behind` does: its methods are named and called as those of botocore's clients.

    What is asked must be what botocore sends and what the service takes, whatever is behind; and what is behind may
    only answer what the service can. It raises `ServiceError`, or botocore's errors as a test made them; who asks gets
    the class of error that botocore's client has for it. A method that no such client has is missing here, too.
    """

    def __init__(self, service: str, behind: object) -> None:
        self._service = service
        self._behind = behind

    @property
    def exceptions(self) -> BaseClientExceptions:
        """The errors that the service's client knows by name, and no others."""
        return EXCEPTIONS.create_client_exceptions(_model(self._service))

    def __getattr__(self, method: str) -> Callable[..., Any]:
        operation = _operations(self._service).get(method)
        if operation is None:
            raise AttributeError(f"botocore's client of {self._service} has no {method}")
        act = getattr(self._behind, method)

        def call(**arguments: Any) -> Any:
            if wrong := _wrong(arguments, operation.input_shape):
                raise ParamValidationError(report=wrong)
            try:
                if (check := CHECKS.get(self._service)) is not None:
                    check(operation.name, arguments)
                answer = act(**arguments)
            except ServiceError as error:
                raise self._error(operation.name, _response(self._service, error)) from None
            except ClientError as error:
                # What a test made stays what it is, and is what the client's users can name.
                error.__class__ = type(self._error(operation.name, error.response))
                raise
            if wrong := _wrong(answer, operation.output_shape):
                raise AssertionError(f"{self._service} never answers {operation.name} so: {wrong}")
            return answer

        return call

    def _error(self, operation: str, response: Any) -> ClientError:
        said = response["Error"]
        kind: type[ClientError] = self.exceptions.from_code(said.get("QueryErrorCode") or said["Code"])
        return kind(response, operation)


def _wrong(given: Mapping[str, Any], shape: Any) -> str:
    """What botocore's model does not allow of it, in words."""
    if shape is None:
        return f"nothing belongs there: {given}" if given else ""
    return str(VALID.validate(given, shape).generate_report())


def _response(service: str, error: ServiceError) -> dict[str, Any]:
    told = {"Code": error.code, "Message": error.message}
    if service == "sqs":
        told = {"Code": sqs.LEGACY.get(error.code, error.code), "QueryErrorCode": error.code, "Message": error.message}
    return {"Error": told, "ResponseMetadata": {"HTTPStatusCode": error.status}, **error.fields}


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


@cache
def _operations(service: str) -> dict[str, OperationModel]:
    """By the name of the client's method."""
    model = _model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}
