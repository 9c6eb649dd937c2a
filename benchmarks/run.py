"""A run: every case of some questions, asked one after the other, and said as the answers come."""

import tempfile
from collections.abc import Iterator, Sequence
from types import ModuleType

from benchmarks import report
from benchmarks.driver import Settings, ask


def answers(questions: Sequence[ModuleType], settings: Settings) -> Iterator[report.Results]:
    """Ask every case of some questions, and say what comes out as it comes; all results so far, after each case."""
    results = {}
    with tempfile.TemporaryDirectory() as caches:
        for question in questions:
            for name, case in question.CASES.items():
                say(case.title)
                outcome = ask(question, name, settings, caches, say)
                results[question.__name__, name] = case, outcome
                for verdict, bar in zip(report.verdicts(case, outcome), case.bars, strict=True):
                    say(f"  => {verdict.measured}; required {bar.required}; {report.said(verdict)}")
                for line in report.figures({(question.__name__, name): (case, outcome)}):
                    say(f"  {line}")
                yield results


def say(line: str) -> None:
    print(line, flush=True)
