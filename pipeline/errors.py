"""What a user can cause and mend: one clear sentence, exit code 2, nothing lost."""


class UserError(Exception):
    """Says where, what was found, what is allowed and what to do; shown without a traceback."""


class DataError(UserError):
    """The organiser's files, or a file given to `predict`, are not what they should be."""


class SettingsError(UserError):
    """The competition's TOML, or an argument of the command line, is not what it should be."""


class BusyError(UserError):
    """Another run is at work on the same competition."""
