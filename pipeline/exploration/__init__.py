"""The page before any model, one file a section: its numbers, words, figure and table."""
