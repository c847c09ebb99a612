"""The tutorials, one program a file, readable top to bottom."""
