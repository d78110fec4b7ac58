"""`python -m benchmarks consumer` or `redrive`, with `--json` for programs."""

from __future__ import annotations

import argparse
from importlib import import_module

BENCHMARKS = {
    "consumer": "the consumer against the standard Powertools consumer",
    "redrive": "moving dead letters against the usual script",
}


def main() -> None:
    """Run the benchmark that the command line names: `run(as_json)` of the module of that name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True, metavar="benchmark")
    for name, sentence in BENCHMARKS.items():
        names.add_parser(name, help=sentence).add_argument("--json", action="store_true", help="print JSON only")
    chosen = parser.parse_args()
    import_module(f"benchmarks.{chosen.name}").run(as_json=chosen.json)


if __name__ == "__main__":
    main()
