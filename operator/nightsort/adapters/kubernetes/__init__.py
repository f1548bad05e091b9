"""The API server: the ledger, Secrets, ConfigMaps, events, resources."""
