"""What users write and read: the ClassificationBatch resource as frozen models, and the CRD rendered from them."""
