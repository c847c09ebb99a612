"""Trains and evaluates a network: loop, state, metrics, device. Writes no file, prints nothing, reads no configuration."""
