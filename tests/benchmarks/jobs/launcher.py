"""Run a command; print its wall time, its peak memory and its last line of output, as JSON."""

import json
import os
import subprocess
import sys
import time

UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def main(command):
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read()
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        code, peak = os.waitstatus_to_exitcode(status), usage.ru_maxrss * UNIT
    else:  # Windows
        code, peak = process.wait(), float("nan")
    seconds = time.perf_counter() - begun
    if code == 0:
        last = (printed.strip().splitlines() or [""])[-1]
        sys.stdout.write(json.dumps({"seconds": seconds, "peak": peak, "printed": last}))
    else:
        sys.stderr.write(printed)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
