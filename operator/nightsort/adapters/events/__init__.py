"""How people are told of transitions."""
