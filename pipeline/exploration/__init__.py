"""What the data look like before any model: the pieces of the explore stage."""
