"""The Message Batches API, through the vendor's SDK."""
