"""The output on a terminal: streams, tables, lists, progress bars, shell completion."""
