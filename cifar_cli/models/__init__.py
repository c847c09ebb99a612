"""Networks, one file each, the table that names them, and initializations of weights."""
