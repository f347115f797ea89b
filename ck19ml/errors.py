"""Errors whose type says who must act."""


class Ck19Error(Exception):
    """Base of all errors that end in one line for the user.

    The message says what was expected, what was found and what to do.
    """

    exit_code = 1


class ConfigError(Ck19Error):
    """The person who wrote the command or the config must change it."""

    exit_code = 2


class PlateError(Ck19Error):
    """The files of a plate, a layout or a dataset are not what they must be."""


class TrackingError(Ck19Error):
    """The tracking server or the registry does not answer, or lacks what was asked for."""


class TrialFailed(Ck19Error):
    """One trial cannot go on; the study can."""
