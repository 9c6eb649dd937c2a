"""The head of the report: date, processor, versions, threads."""

import importlib.metadata
import importlib.util
import os
import platform
from datetime import date
from pathlib import Path

from benchmarks.driver import FRESH, Settings
from benchmarks.peers import PEERS, environment


def head(settings: Settings) -> list[str]:
    """Lines of Markdown that say what was measured, where and how."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    turns = f"{settings.rounds} interleaved rounds ({min(settings.rounds, FRESH)} of fresh processes)"
    if settings.small:
        turns += ", small sizes: these figures say nothing about speed"
    return [
        f"- {date.today():%d %B %Y}; {processor()}, {cores()} cores, {memory:.0f} GiB; load {os.getloadavg()[0]:.1f} at the end",
        f"- {platform.platform()}, Python {platform.python_version()}; {versions()}",
        f"- {settings.threads} threads for each contestant, in a process of its own; {turns}, medians of figures and of ratios",
        "- set: " + ", ".join(switches(settings)),
    ]


def switches(settings: Settings) -> list[str]:
    """What the contestants' environments hold; how idle threads wait is left to each library."""
    found: dict[str, str] = {}
    for peer in settings.peers:
        found |= environment(peer, settings.threads, "")
    return [f"`{name}={value}`" for name, value in found.items() if name.endswith(("THREADS", "PLATFORMS"))]


def processor() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def versions() -> str:
    """The installed libraries, and those that are not."""
    found = dict.fromkeys(d for peer in PEERS if present(peer.module) for d in peer.distributions)
    missing = dict.fromkeys(peer.module for peer in PEERS if not present(peer.module))
    from tracejit import __version__

    said = ", ".join([f"tracejit {__version__}", *(f"{name} {importlib.metadata.version(name)}" for name in found)])
    return said + (f"; not installed: {', '.join(missing)}" if missing else "")


def present(module: str) -> bool:
    """Whether a module is installed."""
    return importlib.util.find_spec(module) is not None
