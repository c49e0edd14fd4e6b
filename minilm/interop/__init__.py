"""Weights and tokenizers of other libraries: Hugging Face folders in and out.

    from minilm import interop

    interop.import_folder("FOLDER", "runs/imported")      # the same as `minilm import`
    interop.export_run("runs/docs-tour-1", "FOLDER")      # the same as `minilm export`
    model = interop.read("FOLDER", dtype="float64").model     # straight into memory

`families` has a file for each family of checkpoints; `minilm.storage` reads safetensors, whose
headers it does not trust.
"""

from minilm.interop.exporting import export_run
from minilm.interop.folder import read
from minilm.interop.importing import import_folder

__all__ = ["export_run", "import_folder", "read"]
