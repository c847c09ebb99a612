"""A person's own network: a class or a function in a Python file that the command line names."""
