"""The tutorials, one program a file, readable top to bottom. Knows no configuration and no command line."""
