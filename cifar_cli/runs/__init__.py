"""What a run leaves behind: its folder, its checkpoints, its records. Knows nothing of models or training."""
