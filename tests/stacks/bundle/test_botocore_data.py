"""botocore's descriptions in the layer: small, and enough for what functions call."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.session import Session

from stacks.bundle import botocore_data
from tests.sample.topology import SAMPLE

INSTALLED = Path(botocore.__file__).parent / "data"


@pytest.fixture(scope="module")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("botocore") / "data"
    data.mkdir()
    for file in INSTALLED.glob("*.json"):
        shutil.copy(file, data)
    for service in (*botocore_data.SERVICES, "sts"):
        shutil.copytree(INSTALLED / service, data / service)
    botocore_data.reduce(data)
    return data


@pytest.fixture(scope="module")
def session(reduced: Path) -> Session:
    session = Session()
    session.register_component(
        "data_loader", Loader(extra_search_paths=[str(reduced)], include_default_search_paths=False)
    )
    return session


def client(session: Session, service: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return session.create_client(service, region_name="eu-central-1", **keys)


def names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node
        for part in node.values():
            yield from names(part)
    elif isinstance(node, list):
        for part in node:
            yield from names(part)


def test_services_that_no_function_calls_stay_behind(reduced: Path) -> None:
    assert {path.name for path in reduced.iterdir() if path.is_dir()} == set(botocore_data.SERVICES)
    (partition, *_) = json.loads((reduced / "endpoints.json").read_text())["partitions"]
    assert set(partition["services"]) <= set(botocore_data.SERVICES)


@pytest.mark.parametrize("service", botocore_data.SERVICES)
def test_a_client_knows_every_operation_that_stays_and_no_other(session: Session, service: str) -> None:
    model = client(session, service).meta.service_model
    assert set(model.operation_names) == set(botocore_data.OPERATIONS[service])
    for name in model.operation_names:
        operation = model.operation_model(name)
        for shape in (operation.input_shape, operation.output_shape):
            assert shape is None or list(shape.members) is not None


def test_a_client_finds_the_same_endpoint_and_describes_the_same_request(session: Session) -> None:
    whole, small = client(Session(), "dynamodb"), client(session, "dynamodb")
    assert small.meta.endpoint_url == whole.meta.endpoint_url
    for name in botocore_data.OPERATIONS["dynamodb"]:
        models = [each.meta.service_model.operation_model(name) for each in (whole, small)]
        inputs = [set(model.input_shape.members) for model in models]
        assert inputs[0] == inputs[1]


def test_nothing_of_the_documentation_stays(reduced: Path) -> None:
    for path in reduced.rglob("service-2.json"):
        assert "documentation" not in set(names(json.loads(path.read_text())["operations"]))


def test_whatever_the_topology_lets_a_function_do_with_a_table_its_client_can_do() -> None:
    actions = {action for consumer in SAMPLE.consumers for access in consumer.access for action in access.actions}
    assert actions <= set(botocore_data.OPERATIONS["dynamodb"])
