"""Options and settings that all tests share."""


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the generated sources that tests compare with anew")
