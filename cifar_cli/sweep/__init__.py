"""Searches settings: trials with values from ranges, chosen by Optuna, trained as ordinary runs in worker processes."""
