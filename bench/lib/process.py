"""Starts and stops processes, and reads their CPU time and memory from /proc."""

import ctypes
import os
import signal
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
TICK = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class BenchmarkError(Exception):
    """The benchmark cannot continue. The message is printed to the user."""


def start(command, **options):
    """Starts a child process that the kernel kills when this process ends, even after a crash."""
    set_death_signal = lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    arguments = [str(part) for part in command]
    return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, preexec_fn=set_death_signal, **options)


def run(command, **options):
    """Runs a command and returns its output. Raises BenchmarkError with the output if it fails."""
    result = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options,
    )
    if result.returncode:
        raise BenchmarkError(f"{' '.join(map(str, command))}\n{result.stdout[-4000:]}\nexit status {result.returncode}")
    return result.stdout


def stop(process, number=signal.SIGTERM, timeout=15):
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tree(pid):
    """Returns the ids of the process and of all its descendants."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = _stat(entry.name)
            if stat:
                children.setdefault(int(stat[1]), []).append(int(entry.name))
    pids = [pid]
    for parent in pids:  # Grows while it is iterated.
        pids += children.get(parent, [])
    return pids


def cpu_seconds(pid):
    """Returns the CPU time of the process tree, including children that have ended."""
    stats = [_stat(each) for each in tree(pid)]
    return sum(sum(map(int, stat[11:15])) for stat in stats if stat) / TICK


def rss_mb(pid):
    """Returns the resident memory of the process tree."""
    pages = 0
    for each in tree(pid):
        try:
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        except OSError:
            pass
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _stat(pid):
    """Returns the fields of /proc/PID/stat after the process name, which may contain spaces and parentheses."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
