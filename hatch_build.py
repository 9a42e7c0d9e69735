"""Building the package also builds the documentation, which the program shows as its help.

A source distribution carries the built pages as `app/_docs`, so that a wheel that is built from it needs no
MkDocs. An editable install shows what `make docs` builds.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = "app/_docs"
MKDOCS = "mkdocs-material>=9.6"


class DocumentationHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the built documentation to the source distribution and to the wheel."""

    _folder: str | None = None

    def dependencies(self) -> list[str]:
        """What the build environment needs besides hatchling."""
        return [] if self._is_built() else [MKDOCS]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the documentation, unless it is there already. Fails where it cannot be built."""
        if version == "editable" or self._is_built():
            return
        self._folder = tempfile.mkdtemp()
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", self._folder]
        env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
        if subprocess.run(command, cwd=self.root, env=env, check=False).returncode:
            raise RuntimeError(
                f"The documentation, which belongs to the package, cannot be built. Install “{MKDOCS}” "
                "beside hatchling, or build the wheel from the source distribution, which carries the pages."
            )
        build_data["force_include"][self._folder] = BUILT

    def finalize(self, *_: object) -> None:
        """Remove what was built."""
        if self._folder:
            shutil.rmtree(self._folder)

    def _is_built(self) -> bool:
        return (Path(self.root) / BUILT / "index.html").exists()
