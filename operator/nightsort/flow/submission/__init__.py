"""Buys batches: a shard, its intent, the create call, halves of what was refused."""
