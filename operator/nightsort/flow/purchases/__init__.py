"""How an intent came out, and from which account it bought."""
