"""The one room where adapters are made, for the flow and for the command line."""
