"""The networks, one file each, their table, and initializations of weights."""
