"""Processes: starting them so that they end with this one, and what /proc tells of them."""

import ctypes
import os
import signal
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
TICK = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """Why the benchmark cannot go on, in words for whoever started it."""


def start(command, **options):
    """A child that is killed when this process ends, however it ends."""
    die_too = lambda: _libc.prctl(1, signal.SIGKILL)
    return subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, preexec_fn=die_too, **options)


def run(command, **options):
    """Runs a command to its end; its output is shown only where it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options,
    )
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}\nended with {done.returncode}")
    return done.stdout


def stop(process, how=signal.SIGTERM, patience=15):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tree(pid):
    """The process and all that descend from it."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = _stat(entry.name)
            if stat:
                children.setdefault(int(stat[1]), []).append(int(entry.name))
    found, at = [pid], 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found


def cpu_seconds(pid):
    """CPU time of the whole tree, those that have ended included."""
    stats = [_stat(each) for each in tree(pid)]
    return sum(sum(map(int, stat[11:15])) for stat in stats if stat) / TICK


def rss_mb(pid):
    """Resident memory, summed over the tree."""
    pages = 0
    for each in tree(pid):
        try:
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        except OSError:
            pass
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _stat(pid):
    """The fields of /proc/PID/stat from the state on: the name before it may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
