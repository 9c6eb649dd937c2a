"""Options, settings and fixtures that all tests share."""

import importlib.util
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the generated sources that tests compare with anew")


@pytest.fixture
def example(monkeypatch, tmp_path):
    """A function that imports an example by name; the current folder is a temporary one."""
    monkeypatch.chdir(tmp_path)

    def load(name):
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load
