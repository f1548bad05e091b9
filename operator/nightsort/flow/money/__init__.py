"""What a purchase costs, held against the limits."""
