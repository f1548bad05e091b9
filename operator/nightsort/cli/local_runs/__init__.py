"""Runs of this machine, of files and of manifests, for the commands that come after `classify` and `local`."""
