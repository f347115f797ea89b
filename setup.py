"""Puts into the wheel what `ck19ml new` writes: this folder's experiments and MLproject."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROJECT = "ck19ml/workflows/project"


class WithProject(build_py):
    """Builds the package, with the project's files in a folder that is not part of the source."""

    def run(self) -> None:
        """Copy the project's files too; an editable install finds them in the repository."""
        super().run()
        if not self.editable_mode:
            place = Path(self.build_lib) / PROJECT
            shutil.copytree("experiments", place / "experiments", dirs_exist_ok=True)
            shutil.copy("MLproject", place)


setup(cmdclass={"build_py": WithProject})
