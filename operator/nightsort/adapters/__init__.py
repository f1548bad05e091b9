"""One package per outside system, and the only importer of its library."""
