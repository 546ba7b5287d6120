"""Describes the machine and the software that the measurements ran on."""

import os
import platform
import statistics
import subprocess
import time
from datetime import date
from pathlib import Path

from .process import run


def memory_mb():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000


def describe(directory, postgres, command):
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")), platform.machine()
    )
    return {
        "date": date.today().isoformat(),
        "command": command,
        "CPU": f"{model}, {os.cpu_count()} cores",
        "memory": f"{memory_mb() / 1000:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": run(["stat", "-f", "-c", "%T", directory]).strip(),
        "fdatasync of 4 KB": f"{flush_us(directory):.0f} µs (median of 200)",
        "load generator": _first_line(["wrk", "-v"]),
        "compiler": run(["rustc", "--version"]).strip(),
        "PostgreSQL": postgres.version,
    }


def flush_us(directory):
    path, times = directory / "flush", []
    with path.open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    path.unlink()
    return statistics.median(times) * 1e6


def _first_line(command):
    result = subprocess.run(command, capture_output=True, text=True)
    return (result.stdout or result.stderr).splitlines()[0].split(" Copyright")[0]
