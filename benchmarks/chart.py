"""The chart of a run: how many times as fast as the best peer, with each bar's mark."""

from pathlib import Path

from benchmarks.question import TRACEJIT, Beside, best_of, ratio, title
from benchmarks.report import Results

REACHED, MISSED, MARK = "#2a7f62", "#c8553d", "#333333"


def draw(results: Results, path: Path) -> None:
    """Write a PNG with one horizontal bar for each case that has a bar beside peers and was measured beside some."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rows = []
    for case, outcome in results.values():
        bar = next((bar for bar in case.bars if isinstance(bar, Beside)), None)
        best = bar and TRACEJIT in outcome.rounds and best_of(outcome.rounds, bar.among)
        if bar and best:
            rows.append((case.title, ratio(outcome.rounds[best], outcome.rounds[TRACEJIT]), bar.least, title(best)))
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.36 * len(rows)), layout="constrained")
    for place, (_, times, least, best) in enumerate(reversed(rows)):
        axes.barh(place, times - 1, left=1, color=REACHED if times >= least else MISSED, height=0.62)
        axes.plot([least, least], [place - 0.42, place + 0.42], color=MARK, linewidth=2)
        axes.text(max(times, least, 1) * 1.04, place, f"{times:.2f} × {best}", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(0.25, 4 * max([row[1] for row in rows] + [4]))
    axes.set_xticks([0.25, 0.5, 1, 2, 4, 8, 16], ["¼", "½", "1", "2", "4", "8", "16"])
    axes.axvline(1, color=MARK, linewidth=0.8)
    axes.set_xlabel("tracejit's speed, times the best peer's; the dark mark is what is required")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
