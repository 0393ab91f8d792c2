"""The organiser's files become tables, target, id and form: foreign bytes are checked here."""
