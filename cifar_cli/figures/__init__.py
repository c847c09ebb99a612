"""Draws every picture that the program makes; computes nothing."""
