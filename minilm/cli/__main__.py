"""``python -m minilm.cli`` is the command ``minilm``."""

from __future__ import annotations

import sys

from minilm.cli.main import main

sys.exit(main())
