"""What commands do in a cluster."""
