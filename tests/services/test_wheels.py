"""The wheels of serbench and of its plugin packages: what is in them, and a clean environment."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import serbench

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))


def build(project, out):
    """Build the wheel of a project with the installed hatchling, without a network."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*command, str(project)], check=True, capture_output=True)
    [wheel] = out.glob(f"{project.name.replace('-', '_')}*.whl" if project != ROOT else "*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory, wheel):
    """An environment with the wheel, and with the libraries of this environment and no more.

    A path file adds the libraries; serbench itself comes from the wheel, which is found first.
    """
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True)
    [packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder, python, install


def ran(clean, *command):
    folder, python, _ = clean
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "SERBENCH_CACHE": str(folder / "cache"),
    }
    return subprocess.run(
        [str(python.parent / command[0]), *command[1:]],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_wheel_has_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = Path(serbench.__file__).parent
    wanted = {
        f"serbench/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"serbench/py.typed", "serbench/views/printed.toml"} <= wanted
    assert wanted <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "docs/", "plugins/")) for name in names)


def test_the_wheel_runs_in_a_clean_environment(clean):
    imported = ran(clean, "python", "-c", "import serbench; print(serbench.__file__)")
    assert imported.stdout.startswith(str(clean[0])), imported.stderr
    shown = ran(clean, "serbench", "--version")
    assert shown.stdout.strip().endswith(serbench.__version__), shown.stderr
    listed = ran(clean, "serbench", "plugins", "list")
    assert listed.returncode == 0, listed.stderr
    assert "ravdess" in listed.stdout
    made = ran(clean, "serbench", "plugins", "new", "mine", "--kind", "corpus")
    assert made.returncode == 0, made.stderr


def test_the_wheel_passes_its_own_check(clean):
    found = ran(clean, "serbench", "doctor")
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("project", PLUGINS, ids=lambda project: project.name)
def test_a_plugin_package_is_built_and_found_in_the_same_way(project, clean, tmp_path):
    built = build(project, tmp_path)
    with zipfile.ZipFile(built) as archive:
        modules = [name for name in archive.namelist() if name.endswith(".py")]
    assert modules
    assert all(name.startswith("serbench_") for name in modules)
    subprocess.run([*clean[2], str(built)], check=True)
    name = modules[0].partition("/")[0].removesuffix(".py")
    found = ran(clean, "python", "-c", f"import {name}; print({name}.__file__)")
    assert found.stdout.startswith(str(clean[0])), found.stderr
