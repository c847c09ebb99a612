"""Optimizers, learning-rate schedules, averages of weights, losses, and the table that names them."""
