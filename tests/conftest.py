"""Settings for all tests."""

import os

import hypothesis

# A first example may compile a kernel, and the machine may be busy: no time limits.
hypothesis.settings.register_profile("minilm", deadline=None, derandomize=True)
hypothesis.settings.load_profile("minilm")

# Oracle tests are skipped for a user without PyTorch, but not where they must run.
if os.environ.get("MINILM_REQUIRE_ORACLE"):
    import torch  # noqa: F401
