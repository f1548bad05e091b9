"""S3, Google Cloud Storage, Azure and folders, through obstore."""
