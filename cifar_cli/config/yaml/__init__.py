"""Reads and writes YAML, with the location of every key."""
