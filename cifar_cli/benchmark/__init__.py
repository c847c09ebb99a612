"""How fast a training is, and against what: references, alternating rounds, breakdown, matrix peak. Draws no table."""
