"""What every refusal of the command line looks like."""


def error_of(ran, code):
    """The one line that says what is wrong; above it only progress may stand."""
    assert ran.code == code, ran.err
    assert "Traceback" not in ran.out + ran.err
    assert ran.out == ""
    *progress, said = ran.err.splitlines()
    assert said.startswith("error: ")
    assert all(line.startswith("listening: ") for line in progress), progress
    return said.removeprefix("error: ")
