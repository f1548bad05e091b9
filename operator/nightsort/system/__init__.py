"""What adapters need of the machine: files, hosts, the clock."""
