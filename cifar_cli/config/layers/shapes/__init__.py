"""Computes the output shape of each layer without torch."""
