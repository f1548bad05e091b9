"""The page that a run is shown on: one HTML file that asks for nothing, from rows and figures. No I/O, no clock."""
