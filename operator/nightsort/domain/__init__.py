"""Facts and rules about tickets, prompts, answers, money and actions. Pure: no I/O, no clock, no randomness."""
