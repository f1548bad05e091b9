"""Creates ClassificationBatches: what `nightsort create` and the nightly CronJob do."""
