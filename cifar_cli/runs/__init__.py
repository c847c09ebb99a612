"""What a run leaves behind: its folder, checkpoints and records, and statistics over groups of runs."""
