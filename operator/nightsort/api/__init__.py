"""The ClassificationBatch resource that users write and read, as frozen models, and the CRD rendered from them."""
