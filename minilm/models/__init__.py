"""Architectures, one file each: a configuration and the wiring of layers."""
