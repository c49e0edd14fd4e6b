"""Settings for all tests."""

import os

import hypothesis
import pytest

# A first example may compile a kernel, and the machine may be busy: no time limits.
hypothesis.settings.register_profile("minilm", deadline=None, derandomize=True)
hypothesis.settings.load_profile("minilm")

# A user without PyTorch skips the oracle tests; where they are required, none may be skipped.
REQUIRED = bool(os.environ.get("MINILM_REQUIRE_ORACLE"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn skipped tests into a failure where the oracle is required."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if REQUIRED and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
