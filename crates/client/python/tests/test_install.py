"""The package as pip installs it: offline, with types, and from any place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unittest

from .support import SOURCE, Place

PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment})
    if done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout.decode()}")
    return done.stdout.decode().strip()


@unittest.skipIf(shutil.which("pip") is None and subprocess.call([*PIP[:3], "--version"]), "there is no pip")
class Install(Place):
    def test_pip_installs_it_offline_with_its_types(self) -> None:
        place = self.path("site")
        # Nothing is written beside the sources.
        project = self.path("project")
        shutil.copytree(SOURCE.parent, project, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        run(*PIP, "--target", place, project)
        self.assertTrue(os.path.isfile(os.path.join(place, "tollgate_client/py.typed")))
        shown = "import tollgate_client as tc, importlib.metadata as m; print(tc.__file__, tc.__version__, m.version('tollgate-client'))"
        file, version, said = run(sys.executable, "-c", shown, PYTHONPATH=place).split()
        self.assertTrue(file.startswith(os.path.realpath(place)) or file.startswith(place), file)
        self.assertEqual(version, said)

    def test_the_archive_of_the_sources_installs_too(self) -> None:
        build = "import tollgate_build as b, sys; print(b.build_sdist(sys.argv[1]))"
        name = run(sys.executable, "-c", build, self.dir, PYTHONPATH=str(SOURCE.parent / "build_backend"))
        run(*PIP, "--target", self.path("site"), self.path(name))
        self.assertTrue(os.path.isfile(self.path("site/tollgate_client/__init__.py")))
