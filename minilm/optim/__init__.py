"""The optimiser, its schedule, and clipping."""
