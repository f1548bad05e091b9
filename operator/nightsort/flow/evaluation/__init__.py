"""Decides by the answers to known tickets whether the labels are good enough."""
