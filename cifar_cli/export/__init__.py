"""Writes trained networks in formats that other programs read, and compares what was written with the network."""
