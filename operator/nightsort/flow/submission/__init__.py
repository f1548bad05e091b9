"""Buys batches: a shard, its intent, the create call, and parts of refused batches."""
