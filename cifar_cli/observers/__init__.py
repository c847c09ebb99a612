"""Watchers of a training: each writes one thing down. They know the training's events and the run's files."""
