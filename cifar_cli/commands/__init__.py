"""One verb a file: its options, what it calls, what it prints at the end. options.py is what several verbs share.

No module imports torch when it is imported: a mistake in the words is told before the seconds that torch takes.
"""
