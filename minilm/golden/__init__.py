"""Golden states: every number of a few training steps in one file, for whoever ports a model.

    from minilm import golden

    golden.record(model, "golden.safetensors")          # write one
    golden.check("golden.safetensors").ok               # this build against it
    print(golden.compare("golden.safetensors", "port.safetensors"))

`states` computes the numbers, in the order of computation; `recording` writes them, `checking`
recomputes them, `comparison` holds two files against each other, and `hints` guesses why they
differ. On the command line: ``minilm golden`` and ``minilm compare``.
"""

from minilm.golden.checking import Check, check
from minilm.golden.comparison import Comparison, compare
from minilm.golden.inputs import Inputs
from minilm.golden.recording import Recording, record

__all__ = ["Check", "Comparison", "Inputs", "Recording", "check", "compare", "record"]
