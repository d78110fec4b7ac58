"""The one code asset, and a layer with the dependencies of the functions that share it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import Annotations, AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks import names
from stacks.bundle import build
from stacks.bundle.build import Target
from stacks.settings import Settings

NO_BYTE_CODE = "headrace:no-byte-code"
"""The id of the warning that a machine without the functions' Python gets."""


class PythonCode(Construct):
    """`functions/` and what it needs, for the stage's Python and CPU.

    A handler is named as it is imported everywhere: `functions.open_ticket.handler.handler`. `package` is where the
    handlers are, `name` is the layer's; `requirements` are those of all functions, or of one that brings its own.
    """

    def __init__(
        self, scope: Construct, *, settings: Settings, package: str, name: str, requirements: Path | None = None
    ) -> None:
        super().__init__(scope, "Code")
        self.package = package
        target = (
            Target.this_machine()
            if settings.python == "host"
            else Target(python=settings.python, architecture=settings.architecture)
        )
        if target.interpreter() is None:
            Annotations.of(self.node.root).add_warning_v2(
                NO_BYTE_CODE,
                f"There is no Python {target.python} on this machine, so Lambda gets no byte code and a cold start "
                f"takes nearly twice the CPU; install python{target.python} and synthesize again.",
            )
        self.runtime = lambda_.Runtime(f"python{target.python}", lambda_.RuntimeFamily.PYTHON)
        self.architecture = (
            lambda_.Architecture.ARM_64 if target.architecture == "arm64" else lambda_.Architecture.X86_64
        )
        self.release = build.release(package)
        self.code = _asset(build.code_hash(target, package), lambda: build.build_code(target, package))
        self.layer = lambda_.LayerVersion(
            self,
            "Dependencies",
            layer_version_name=names.resource(settings.stage, name),
            description=f"{(requirements or build.REQUIREMENTS).relative_to(build.ROOT)}, byte code included",
            code=_asset(build.layer_hash(target, requirements), lambda: build.build_layer(target, requirements)),
            compatible_runtimes=[self.runtime],
            compatible_architectures=[self.architecture],
        )


@jsii.implements(ILocalBundling)
class _Folder:
    """Hands the CDK a folder that is built when it is wanted: `cdk ls` and template tests want none."""

    def __init__(self, make: Callable[[], Path]) -> None:
        self._make = make

    def try_bundle(self, output_dir: str, *, image: DockerImage, **_options: Any) -> bool:
        shutil.copytree(self._make(), output_dir, dirs_exist_ok=True)
        return True


def _asset(asset_hash: str, make: Callable[[], Path]) -> lambda_.AssetCode:
    return lambda_.Code.from_asset(
        str(build.FUNCTIONS),
        asset_hash=asset_hash,
        asset_hash_type=AssetHashType.CUSTOM,
        # The CDK asks for an image, which is never pulled: the local bundling always succeeds or raises.
        bundling=BundlingOptions(image=DockerImage.from_registry("scratch"), local=_Folder(make)),
    )
