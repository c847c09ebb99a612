"""Times a training against reference loops in alternating rounds, and the parts of its steps."""
