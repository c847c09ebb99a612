"""What a terminal shows: streams, progress bars, tables."""
