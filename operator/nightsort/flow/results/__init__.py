"""The meaning of answers, and the way of rows to the sinks."""
