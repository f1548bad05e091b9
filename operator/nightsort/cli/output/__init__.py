"""What commands show, and how they end."""
