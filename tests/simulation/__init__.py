"""Whole lives of several resources in virtual time, with whatever can break breaking, by seed."""
