"""A client that is killed in the middle: what it reported is in the log once, whatever it was doing."""

from __future__ import annotations

import tollgate_client as tc

from .support import Place, Server, python

#: Reports events from a number on, and prints each number once its report has returned.
PROGRAM = """
import sys
import tollgate_client as tc
url, spool, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
tracker = tc.Tracker(url, "p", spool=spool, batching=tc.Batching(max_events=5, linger=0.001))
for nth in range(first, last):
    usage = tc.Usage(phase="SPEC", model="gpt-5", tokens=tc.Tokens(output=1000 + nth))
    tracker.report_usage("T-1", usage, id=f"e-{nth}", occurred_at="2026-11-21T08:30:00Z")
    print(nth, flush=True)
tracker.flush()
print("flushed", tracker.close().delivered, flush=True)
"""

LAST = 240


class Killed(Place):
    def run_until(self, server: Server, first: int, lines: int) -> int:
        """Runs the program until it has reported so many events, and kills it. Returns the first number that it had not
        told."""
        program = python(PROGRAM, server.url, self.path("spool"), str(first), str(LAST))
        assert program.stdout is not None
        for _ in range(lines):
            self.assertEqual(program.stdout.readline().strip(), str(first).encode())
            first += 1
        program.kill()
        # What it told before it was killed.
        first += program.communicate()[0].count(b"\n")
        return first

    def test_totals_are_exact_when_the_client_is_killed_in_the_middle(self) -> None:
        server = self.serve()
        first = 0
        for lines in (1, 30, 17):
            first = self.run_until(server, first, lines)
        server.kill()
        # Nobody is there: all of it waits in the spool.
        for lines in (25, 1):
            first = self.run_until(server, first, lines)
        server = self.serve(port=server.port)
        self.assertLess(first, LAST, "killed too late to try anything")
        program = python(PROGRAM, server.url, self.path("spool"), str(first), str(LAST))
        out, _ = program.communicate()
        self.assertIn(b"flushed True", out)
        self.assertEqual(self.tokens(server, "T-1"), sum(1000 + nth for nth in range(LAST)))

    def test_a_spool_is_of_one_process(self) -> None:
        server, spool = self.serve(), self.path("spool")
        program = python(PROGRAM + "\nsys.stdin.read()", server.url, spool, "0", "1")
        assert program.stdout is not None
        self.assertEqual(program.stdout.readline(), b"0\n")
        # It has closed its tracker when it says so.
        self.assertEqual(program.stdout.readline(), b"flushed True\n")
        program.kill()
        program.communicate()
        with tc.Tracker(server.url, "p", spool=spool):
            again = python("import sys, tollgate_client as tc\ntc.Tracker(*sys.argv[1:3], spool=sys.argv[3])",
                           server.url, "p", spool)  # fmt: skip
            _, said = again.communicate()
            self.assertEqual(again.returncode, 1)
            self.assertIn(b"SpoolLocked: locking spool", said)
            with self.assertRaises(tc.SpoolLocked):
                tc.Tracker(server.url, "p", spool=spool)
