"""One verb a file: its options, its calls, and what it prints at the end. Several verbs share options.py.

No module imports torch at module level: a mistake in the command line is reported before torch, which takes seconds.
"""
