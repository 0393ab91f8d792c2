"""How good the models are, where they err and why: the pieces of the evaluate stage."""
