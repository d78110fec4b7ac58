"""Runs a command as a process of its own, and adds what it took as the last line of its output.

    python -I -S meter.py COMMAND ARGUMENT…

The line is JSON: `wall` and `cpu` in seconds, `memory` in MiB at the most; the exit code is the command's. It is a
small process, because Linux counts what a parent had in memory as its child's: the new program's peak begins with
that of the process that it replaces (`exec_mmap`, fs/exec.c), so the child of a test run would seem to need as much.
"""

from __future__ import annotations

import os
import sys
import time


def main(command: list[str]) -> int:
    """Run the command to its end and print the line. Raises `OSError` if it cannot be started."""
    started = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(process, 0)
    wall = time.perf_counter() - started
    kilobyte = 1024 if sys.platform == "darwin" else 1  # the unit of ru_maxrss is the kilobyte, but for macOS
    memory = used.ru_maxrss / kilobyte / 1024
    print(f'{{"wall": {wall}, "cpu": {used.ru_utime + used.ru_stime}, "memory": {memory}}}')
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
