"""Resources of the machine: files, hosts, the clock, threads and how they are shared."""
