"""The first signal is a request, the second an order."""

import os
import signal
import subprocess
import sys

import pytest

from minilm.training.interrupt import Interruption


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_sets_the_flag(number: int) -> None:
    before = signal.getsignal(number)
    said = []
    with Interruption(said.append) as interruption:
        assert not interruption()
        os.kill(os.getpid(), number)
        assert interruption()
        assert interruption.signal == number
    assert len(said) == 1
    assert signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill")
def test_the_second_signal_leaves_at_once() -> None:
    code = (
        "import os, signal, time; from minilm.training.interrupt import Interruption\n"
        "with Interruption() as i:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    assert i()\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=50, check=False)
    assert done.returncode == 130
