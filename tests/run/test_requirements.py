"""The optional packages that `serbench doctor` lists."""

from serbench.run.requirements import PURPOSES, missing_of_extras, requirements_by_extra

FOR_DEVELOPERS = {"services", "testing", "docs", "dev"}


def test_every_extra_for_users_is_listed_with_its_purpose():
    assert requirements_by_extra().keys() - {""} == PURPOSES.keys() | FOR_DEVELOPERS
    assert all(PURPOSES.values())


def test_what_the_tests_need_is_installed():
    missing = missing_of_extras()
    assert missing.keys() == PURPOSES.keys()
    assert missing["site"] == missing["onnx"] == missing["report"] == []
