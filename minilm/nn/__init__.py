"""Parameters, and the layers made of operations. Start with `parameters` and `block`."""
