"""Carries a training out in its run folder: start, resume, seeds, dry run, observers."""
