"""Makes a network better: the loop, and what it is made of. Knows no file, no screen and no configuration."""
