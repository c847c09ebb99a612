"""Draws: sheets of what layers do, and what sheets are put together from. Computes only what a drawing needs."""
