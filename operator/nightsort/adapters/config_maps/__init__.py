"""ConfigMaps of the cluster, and the files that stand for them in local mode."""
