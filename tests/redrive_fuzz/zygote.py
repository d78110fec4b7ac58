"""`python -m tests.redrive_fuzz.zygote`: starts the operator's command without the second that its imports take.

It has imported what the command imports, and forks for each line that it reads: `python -m ops` then runs in that
process, from its beginning to its end, and is killed like any other. It says which process it is, and how it ended.
With a file as argument that file is run first: a mistake that the fuzz is to find.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import random
import runpy
import selectors
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import ops.cli.app
import ops.cli.message_files
import ops.cli.redrive
import ops.stage
import stacks.topology
import tests.sample.topology  # noqa: F401
from ops.sqs import sweep

OFTEN = 0.02


def main() -> None:
    """Forks until standard input closes."""
    for mutant in sys.argv[1:]:
        runpy.run_path(mutant)
    gc.collect()
    gc.freeze()
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    rest = b""
    while True:
        if selector.select(OFTEN):
            read = os.read(0, 65536)
            if not read:
                return
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                _start(json.loads(line))
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not process:
                break
            _tell({"process": process, "code": os.waitstatus_to_exitcode(status)})


def _start(asked: dict[str, Any]) -> None:
    process = os.fork()
    if process:
        _tell({"process": process, "number": asked["number"]})
        return
    code = 1
    try:
        code = _run(asked)
    finally:
        os._exit(code)


def _run(asked: dict[str, Any]) -> int:
    """The command, in this process."""
    home = asked["home"]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for descriptor, name in ((0, os.devnull), (1, asked["out"]), (2, asked["err"])):
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC if descriptor else os.O_RDONLY
        file = os.open(name, flags, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(PATH=os.defpath, HOME=home, HEADRACE_LOCAL=home)
    ops.stage.HOME = Path(home)
    if asked["hold"] is not None:
        sweep.VISIBILITY = asked["hold"]
    random.seed()
    sys.argv = [asked["module"], *asked["arguments"]]
    code: Any = 0
    try:
        runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python flushes, whatever interrupts its end
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
        code = 1
    atexit._run_exitfuncs()
    gc.unfreeze()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    return code or 0


def _tell(news: dict[str, Any]) -> None:
    os.write(1, json.dumps(news).encode() + b"\n")


if __name__ == "__main__":
    assert stacks.topology.TOPOLOGY is not None
    main()
