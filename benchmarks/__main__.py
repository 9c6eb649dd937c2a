"""How fast is tracejit beside its peers? Asks every question of ``benchmarks/questions`` and writes a table and a chart.

python -m benchmarks                       all questions, every installed peer; most of an hour
python -m benchmarks chain pairwise        these questions
python -m benchmarks --peers numpy,numba   only beside these
python -m benchmarks --quick               small sizes, few rounds: does everything run?

The peers install from ``benchmarks/requirements.txt``. Let nothing else run on the machine meanwhile.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

from benchmarks import chart, machine, report
from benchmarks.driver import Settings
from benchmarks.peers import PEERS
from benchmarks.question import TRACEJIT
from benchmarks.run import answers, say

HERE = Path(__file__).parent
QUESTIONS = sorted(path.stem for path in (HERE / "questions").glob("[!_]*.py"))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("questions", nargs="*", metavar="question", help=f"any of: {', '.join(QUESTIONS)}")
    parser.add_argument("--peers", default=",".join(peer.name for peer in PEERS), help="names with commas; all by default")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds; 7 by default")
    parser.add_argument("--batch", type=float, default=0.2, help="seconds per turn; 0.2 by default")
    parser.add_argument("--threads", type=int, default=2, help="threads of each contestant; 2 by default")
    parser.add_argument("--quick", action="store_true", help="small sizes, two short rounds")
    parser.add_argument("--markdown", type=Path, default=HERE / "results.md", help="where the table goes")
    parser.add_argument("--chart", type=Path, default=HERE / "results.png", help="where the chart goes")
    found = parser.parse_args()
    known_peers = [peer.name for peer in PEERS]
    for kind, asked, known in (("question", found.questions, QUESTIONS), ("peer", found.peers.split(","), known_peers)):
        if unknown := sorted(set(asked) - set(known)):
            parser.error(f"no {kind} is called {', '.join(unknown)}; there are: {', '.join(known)}")
    return found


def main() -> None:
    asked = arguments()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: asked.threads])  # for pools that count cores, not switches
    peers = tuple(peer for peer in PEERS if peer.name in (TRACEJIT, *asked.peers.split(",")))
    rounds, batch = (2, 0.002) if asked.quick else (asked.rounds, asked.batch)
    settings = Settings(asked.threads, rounds, batch, asked.quick, peers)
    found = [importlib.import_module(f"benchmarks.questions.{question}") for question in asked.questions or QUESTIONS]
    for results in answers(found, settings):  # a run that is interrupted leaves what it has
        asked.markdown.write_text(report.markdown(results, machine.head(settings)), encoding="utf-8")
        chart.draw(results, asked.chart)
    say(f"{asked.markdown}\n{asked.chart}")


if __name__ == "__main__":
    sys.exit(main())
