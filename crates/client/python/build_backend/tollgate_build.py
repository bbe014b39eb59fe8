"""Builds this package with nothing but Python: pip needs no network and no other package to install it.

The hooks of PEP 517 and PEP 660. What is built is one pure wheel, and an archive of the sources.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "tollgate_client"
#: A fixed time: the same sources make the same bytes.
EPOCH = (2020, 1, 1, 0, 0, 0)

METADATA = """\
Metadata-Version: 2.1
Name: {name}
Version: {version}
Summary: {description}
License: Apache-2.0
Requires-Python: {requires-python}
Description-Content-Type: text/markdown

"""

WHEEL = "Wheel-Version: 1.0\nGenerator: tollgate_build\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def project() -> dict[str, str]:
    """The plain texts of `[project]`: Python 3.9 has no reader of TOML."""
    text = (ROOT / "pyproject.toml").read_text("utf-8").partition("[project]")[2].partition("\n[")[0]
    return dict(re.findall(r'^([a-z-]+) = "([^"]*)"$', text, re.MULTILINE))


def metadata() -> str:
    """What the package says about itself."""
    return METADATA.format(**project()) + (ROOT / "README.md").read_text("utf-8")


def wheel(directory: str, content: dict[str, bytes]) -> str:
    """Writes a wheel with this content, and returns its name."""
    version = project()["version"]
    info = f"{PACKAGE}-{version}.dist-info"
    files = {**content, f"{info}/METADATA": metadata().encode(), f"{info}/WHEEL": WHEEL.encode()}
    record = "".join(f"{name},sha256={digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    name = f"{PACKAGE}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory) / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return name


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def build_wheel(directory: str, settings: Any = None, metadata_directory: str | None = None) -> str:
    sources = sorted((ROOT / "src" / PACKAGE).iterdir())
    kept = [path for path in sources if path.suffix == ".py" or path.name == "py.typed"]
    return wheel(directory, {f"{PACKAGE}/{path.name}": path.read_bytes() for path in kept})


def build_editable(directory: str, settings: Any = None, metadata_directory: str | None = None) -> str:
    return wheel(directory, {f"{PACKAGE}.pth": f"{ROOT / 'src'}\n".encode()})


def build_sdist(directory: str, settings: Any = None) -> str:
    base = f"{PACKAGE}-{project()['version']}"
    with tarfile.open(Path(directory) / f"{base}.tar.gz", "w:gz") as archive:
        for path in ("pyproject.toml", "README.md", "build_backend/tollgate_build.py", f"src/{PACKAGE}"):
            archive.add(ROOT / path, f"{base}/{path}", filter=lambda it: None if "__pycache__" in it.name else it)
        info = tarfile.TarInfo(f"{base}/PKG-INFO")
        data = metadata().encode()
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return f"{base}.tar.gz"
