"""What happens to a resource, in order: prepare, submit, adopt, poll, collect, finish; reconcile decides which."""
