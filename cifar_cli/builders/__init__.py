"""Turns an Experiment into objects: data, model, optimizer, training; loads the model of a run or a file."""
