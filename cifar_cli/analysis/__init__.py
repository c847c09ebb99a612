"""Looks inside a network and draws what it finds. Knows modules and tensors, no configurations, runs or commands."""
