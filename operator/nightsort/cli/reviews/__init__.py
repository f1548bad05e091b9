"""`nightsort review`: people look at labels, and their word counts from then on."""
