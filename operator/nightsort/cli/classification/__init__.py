"""`nightsort classify`: a file of tickets becomes a file of labels."""
