"""What is true of tickets, prompts, answers, money and moves. Pure: no I/O, no clock, no randomness."""
