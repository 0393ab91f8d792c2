"""From the organiser's CSV files to a submission that can be trusted."""
