"""What licences allow."""

import pytest

from serbench.data.licence import UNKNOWN_LICENCE, least_commercial, named_licence


@pytest.mark.parametrize(
    ("name", "commercial"),
    [
        ("MIT", "yes"),
        ("CC-BY-4.0", "yes"),
        ("CC BY-SA 4.0", "yes"),
        ("CC-BY-NC-SA-4.0", "no"),
        ("cc by nc 4.0", "no"),
        ("apache-2.0", "yes"),
        ("research only", "no"),
        ("ours", "unknown"),
    ],
)
def test_a_named_licence_allows_what_its_family_allows(name, commercial):
    assert named_licence(name).commercial == commercial


def test_one_non_commercial_licence_makes_all_non_commercial():
    assert named_licence(None) == UNKNOWN_LICENCE
    assert least_commercial(["yes", "unknown", "no"]) == "no"
    assert least_commercial(["yes", "unknown"]) == "unknown"
    assert least_commercial(["yes"]) == "yes"
    assert least_commercial([]) == "unknown"
