"""The one style of all figures: resolution, colours, margin. Imports no drawing library."""

DPI = 150
POINTS_PER_INCH = 72
MARGIN = 0.4  # inches, left and right of everything on a sheet

INK, PALE, FAINT, RULE = "#222222", "#777777", "#cccccc", "#dddddd"  # text, captions, frames, lines and grids
PAPER = "#ffffff"
GOOD, BAD = "#1a7f37", "#c62828"  # a right and a wrong prediction
BOX = "#ff2bd6"  # of a receptive field on a photograph: photographs hardly contain this colour
BAR = "#9db7d5"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#d55e00", "#007f5f", "#c2185b"  # colour-blind readers tell these curves apart

FONT, MONO_FONT = "DejaVu Sans", "DejaVu Sans Mono"
