"""One verb a file: puts the parts together, runs, tells what came of it."""
