"""Trains and evaluates a network: loop, state, metrics, device. Knows no file, no screen and no configuration."""
