"""The one package that creates adapters, for the flow and for the command line."""
