"""Apache Velocity, and the validator that API Gateway is built on, in one run of Java.

Both come from packages, which `.ci/install` brings. Velocity is Debian's; the validator, fge's on Rhino, is inside
openapi-generator-cli, and asks for Debian's javax.mail.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.kept import PACKAGES, kept

DRIVER = Path(__file__).with_name("Differential.java")
DEBIAN = Path("/usr/share/java")
JARS = (
    *(DEBIAN / f"{name}.jar" for name in ("velocity", "commons-lang", "commons-collections3", "javax.mail")),
    Path(sys.prefix, "edge", "openapi_generator_cli", "openapi-generator.jar"),
)
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For what ends before more would pay."""
Answer = list[str]


def check() -> None:
    """Skip the test where a jar is missing, or a Java that compiles; in CI fail it, in words."""
    missing = [name for name in ("java", "javac") if shutil.which(name) is None]
    missing += [str(path) for path in JARS if not path.exists()]
    if missing:
        words = f"{', '.join(missing)} is not here; .ci/install brings it."
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)


def run(jobs: Iterable[Iterable[str]]) -> list[Answer]:
    """An answer for every job that has one: its fields, as text."""
    command = [
        "java",
        *QUICK,
        "-Xss8m",
        "-cp",
        os.pathsep.join(map(str, (*JARS, _compiled()))),
        DRIVER.stem,
    ]
    lines = "".join("\t".join(job) + "\n" for job in jobs)
    done = subprocess.run(command, input=lines.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [line.split("\t") for line in done.stdout.decode().splitlines()]


def _compiled() -> Path:
    """The folder of the driver's classes: to compile it again for each run takes longer than the run."""

    def make(draft: Path) -> None:
        command = [
            "javac",
            *(f"-J{option}" for option in QUICK),
            "-cp",
            os.pathsep.join(map(str, JARS)),
            "-d",
            str(draft),
            str(DRIVER),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    jars = [(str(jar), jar.stat().st_size, jar.stat().st_mtime_ns) for jar in JARS]
    java = Path(shutil.which("javac") or "").resolve()
    return kept(("driver", DRIVER.read_bytes(), jars, str(java), java.stat().st_mtime_ns), make, sources=PACKAGES)


def text(value: str) -> str:
    """A text as a field."""
    return base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()


def read(field: str) -> str:
    """A field as text."""
    return base64.b64decode(field).decode()


def mapping(values: Mapping[str, object], within: str = "") -> str:
    """A map of texts and maps as a field."""
    parts = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            parts.append(mapping(value, f"{within}{name}\0"))
        else:
            parts.append(f"{text(within + name)}:{text(str(value))}")
    return ",".join(part for part in parts if part)


def read_mapping(field: str) -> dict[str, str]:
    """A field as a map of texts."""
    pairs = (pair.split(":") for pair in field.split(",") if pair)
    return {read(name): read(value) for name, value in pairs}
