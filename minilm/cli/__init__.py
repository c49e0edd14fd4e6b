"""The command line: one file per command, and the ways of showing a run."""
