"""Downloads archives: mirrors, continuation, checksums, unpacking."""
