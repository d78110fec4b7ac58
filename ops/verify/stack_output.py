"""What a deployed stack says of itself."""

from __future__ import annotations

from botocore.exceptions import ClientError

from ops.errors import OpsError
from ops.stage import Stage, in_words
from stacks import names


def outputs(stage: Stage, word: str) -> dict[str, str]:
    """The outputs of the stage's stack of that word. Raises `OpsError` where it is not there or AWS refuses."""
    name = names.resource(stage.name, word)
    with in_words():
        try:
            (found,) = stage.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise OpsError(f"There is no stack {name} in {stage.region}: deploy stage {stage.name} first.") from None
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}
