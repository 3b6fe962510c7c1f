"""The form of every refusal of the command line."""

PROGRESS = (
    "recordings read: ",
    "loading ",
    "the database has no dataset yet",
    "this is a new study",
    "nested cross-validation: ",
)


def error_of(ran, code):
    """The one line with the error, which may only follow lines of progress."""
    assert ran.code == code, ran.err
    assert "Traceback" not in ran.out + ran.err
    assert ran.out == ""
    *progress, line = ran.err.splitlines()
    assert line.startswith("error: ")
    assert all(each.startswith(PROGRESS) for each in progress), progress
    return line.removeprefix("error: ")
