"""Runnable fakes of the ports, and the suites that sources and sinks pass: for our tests and for yours."""
