"""The loop, its checkpoints and its record. Start with `loop`."""
