"""Every program of the guide runs as it is shown, and prints what is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from .support import ROOT, SOURCE, Place

GUIDE = ROOT / "docs/guides/python.md"
READ_ME = SOURCE.parent / "README.md"


class Guide(Place):
    def test_its_programs_print_what_it_shows(self) -> None:
        server = self.serve()
        blocks: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
        self.assertEqual([language for language, _ in blocks], ["sh", *["python", "text"] * 4, "sh", "sh", "text"])
        # test_install.py does that.
        self.assertEqual(blocks[0][1], "pip install crates/client/python\n")
        self.assertIn("```sh\n" + blocks[0][1], READ_ME.read_text("utf-8"))
        # tests/producers/python.rs runs what follows them, with TLS and keys.
        for (_, program), (_, shown) in zip(blocks[1:9:2], blocks[2:9:2]):
            program = program.replace("http://127.0.0.1:7070", server.url)
            done = subprocess.run(
                [sys.executable, "-c", program],
                cwd=self.dir,
                env={**os.environ, "PYTHONPATH": str(SOURCE)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self.assertEqual(done.stdout.decode(), shown, program)
