"""The report of a run in Markdown: bars and verdicts first, then what every contestant measured."""

from collections.abc import Mapping, Sequence

from benchmarks.driver import Outcome
from benchmarks.peers import PEERS
from benchmarks.question import TRACEJIT, Case, Verdict, best_of, median, title, yardsticks

CALL = 3e-7  # seconds: what takes less is a call and little more
Results = Mapping[tuple[str, str], tuple[Case, Outcome]]


def markdown(results: Results, head: Sequence[str]) -> str:
    """The whole report."""
    parts = [
        "# Benchmarks",
        "",
        *head,
        "",
        "## Bars",
        "",
        *bars(results),
        "",
        *rooflines(results),
        "## Figures of this run",
        "",
        *figures(results),
        "",
    ]
    return "\n".join(parts)


def bars(results: Results) -> list[str]:
    """A row for each bar: what was measured, what was promised, whether that was reached."""
    rows = [["work", "measured", "required", "verdict"]]
    for case, outcome in results.values():
        found = zip(verdicts(case, outcome), case.bars, strict=True)
        rows += [[case.title, verdict.measured, bar.required, said(verdict)] for verdict, bar in found]
    return table(rows)


def verdicts(case: Case, outcome: Outcome) -> list[Verdict]:
    """What became of a case's bars; none can be reached without tracejit's own figures, or without a yardstick's."""
    found = []
    for bar in case.bars:
        lacking = [name for name in (TRACEJIT, getattr(bar, "yardstick", TRACEJIT)) if name not in outcome.rounds]
        if lacking:
            found.append(Verdict(f"{title(lacking[0])} fails", False))
        else:
            found.append(bar.judge(outcome.rounds))
    return found


def said(verdict: Verdict) -> str:
    return {True: "reached", False: "**not reached**", None: "nobody to compare with"}[verdict.reached]


def rooflines(results: Results) -> list[str]:
    """Of the work that misses a bar: what it moves and computes, the time that this needs here, and the share reached."""
    rows = [["work", "Mflop", "MB", "bound by", "needs", "takes", "share reached"]]
    machine = ""
    for case, outcome in results.values():
        bound, missed = outcome.bound, any(verdict.reached is False for verdict in verdicts(case, outcome))
        if bound and missed and TRACEJIT in outcome.rounds:
            taken, machine = median(outcome.rounds[TRACEJIT]), bound.machine
            moved = f"{bound.flops / 1e6:.3g}", f"{bound.moved / 1e6:.3g}"
            times = duration(bound.seconds), duration(taken), f"{bound.seconds / taken:.0%}"
            rows.append([case.title, *moved, bound.bound if taken > CALL else "the call itself", *times])
    if not machine:
        return []
    said = f"What a call needs at the rates of this machine, measured in this run: {machine}."
    return ["## Rooflines of what was not reached", "", said, "", *table(rows), ""]


def figures(results: Results) -> list[str]:
    """A column for each contestant, and who failed or is not installed."""
    there = {name for _, outcome in results.values() for name in (*outcome.rounds, *outcome.failed)}
    names = [peer.name for peer in PEERS if peer.name in there]
    rows = [["work", *(title(name) for name in names), "yardsticks"]]
    notes = []
    for case, outcome in results.values():
        cells = []
        best = best_of(outcome.rounds, names)
        for name in names:
            cell = figure(case, outcome, name)
            cells.append(f"**{cell}**" if name == best else cell)
        others = [f"{title(name)} {figure(case, outcome, name)}" for name in yardsticks(case)]
        rows.append([case.title, *cells, ", ".join(others)])
        notes += [f"- {case.title}: {title(name)} fails: {reason}" for name, reason in outcome.failed.items()]
        notes += [f"- {case.title}: {outcome.disturbed} turns began while something else computed"] if outcome.disturbed else []
    missing = {name: why for _, outcome in results.values() for name, why in outcome.absent.items() if why != "not asked"}
    notes += [f"- {title(name)} is {why}" for name, why in missing.items()]
    return [*table(rows), *(["", *notes] if notes else [])]


def figure(case: Case, outcome: Outcome, name: str) -> str:
    """The median over the rounds with its unit; a dash where the question has no form for this contestant."""
    if name in outcome.failed:
        return "fails"
    if name not in outcome.rounds:
        return "–"
    middle = median(outcome.rounds[name])
    return f"{middle / 2**20:.0f} MiB" if case.measure == "memory" else duration(middle)


def duration(seconds: float) -> str:
    """Seconds with a unit and three digits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text as a Markdown table, the first row as its head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]
