"""The page for a run: one HTML file that loads nothing, made from rows and figures. No I/O, no clock."""
