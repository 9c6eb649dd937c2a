"""The README is true: its tour is a doctest, its one-liners run, and it has exactly two set-up commands."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
SHELL = [line for language, block in BLOCKS if language == "sh" for line in block.splitlines()]
ONE_LINERS = [line for line in SHELL if line.startswith("python -c ")]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def test_there_are_exactly_two_set_up_commands():
    assert [line for line in SHELL if line not in ONE_LINERS] == [
        'python -m pip install ".[examples]" && python examples/digits.py',
        'python -m pip install ".[test]" && python -m pytest -q',
    ]


def test_the_tour_is_true():
    tour = "\n".join(block for language, block in BLOCKS if language == "python")
    test = doctest.DocTestParser().get_doctest(tour, {}, "README.md", "README.md", 0)
    report = []
    outcome = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
    assert outcome.attempted > 20
    assert not outcome.failed, "".join(report)


@pytest.mark.parametrize("line", ONE_LINERS)
def test_a_one_liner_runs(line, tmp_path):
    _, *arguments = shlex.split(line)
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=tmp_path, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_one_liners_show_source_and_debug():
    assert any("f.source()" in line for line in ONE_LINERS)
    assert any("f.debug(" in line for line in ONE_LINERS)
