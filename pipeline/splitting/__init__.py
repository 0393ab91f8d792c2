"""How rows are assigned to folds, and how the organiser's test was split from train."""
