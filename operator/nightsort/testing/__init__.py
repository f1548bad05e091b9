"""Runnable fakes of the ports, and contract suites for sources and sinks: for our tests and for yours."""
