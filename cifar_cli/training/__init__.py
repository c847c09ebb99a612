"""Trains and evaluates a network: loop, state, metrics, device. No file, no terminal, no configuration."""
