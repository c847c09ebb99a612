"""Pages to look at in a browser, one self-contained file each."""
