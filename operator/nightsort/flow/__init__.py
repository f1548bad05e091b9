"""The steps of a resource, in order: prepare, submit, adopt, poll, collect, finish; reconcile decides which."""
