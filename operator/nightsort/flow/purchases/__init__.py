"""The outcome of an intent, and the account from which it bought."""
