"""The spool by itself: order, torn and damaged lines, a disk that fails, and what other clients left."""

from __future__ import annotations

import os
import random
from pathlib import Path
from unittest import mock

import tollgate_client as tc
from tollgate_client import _spool
from tollgate_client._events import Outgoing, to_json
from tollgate_client._spool import Spool

from .support import Place


def event(nth: int, more: str = "") -> Outgoing:
    return Outgoing(f"e{nth}", "T", to_json({"id": f"e{nth}", "task": "T", "more": more}))


class OfASpool(Place):
    def spool(self, max_bytes: int = 1 << 20) -> Spool:
        opened = Spool(tc.SpoolOptions(self.path("spool"), max_bytes))
        self.addCleanup(opened.close)
        return opened

    def files(self) -> list[str]:
        return sorted(os.listdir(self.path("spool")))

    def ids(self, spool: Spool, events: int = 500) -> str:
        return " ".join(one.id for one in spool.peek(events, 1 << 20))

    def test_events_come_back_in_order_over_segments_and_crashes(self) -> None:
        """Random histories beside a list. A crash opens the directory again: what was settled of a segment that is not
        done comes again, and nothing else does."""
        for seed in range(20):
            dice = random.Random(seed)
            options = tc.SpoolOptions(self.path(f"spool-{seed}"))
            still = [mock.patch.object(_spool, name) for name in ("_sync", "sync_dir")]
            with mock.patch.object(_spool, "_SEGMENT_BYTES", 200), still[0], still[1]:
                spool, waiting, settled, next = Spool(options), list[str](), set[str](), 0
                for _ in range(200):
                    step = dice.choice(["append", "append", "settle", "keep", "crash"])
                    if step == "append":
                        events = [event(next + nth, "x" * dice.randrange(60)) for nth in range(dice.randrange(1, 4))]
                        next += len(events)
                        spool.append(events)
                        waiting += [one.id for one in events]
                    elif step == "crash":
                        spool.close()
                        spool = Spool(options)
                        found = [one.id for one in on_disk(options)]
                        self.assertEqual([id for id in found if id not in settled], waiting, seed)
                        self.assertEqual(found, sorted(found, key=lambda id: int(id[1:])), seed)
                        waiting = found
                        settled -= set(found)
                    else:
                        first = spool.peek(dice.randrange(1, 6), 1 << 20)
                        keep = [step == "keep" and dice.random() < 0.5 for _ in first]
                        self.assertEqual([one.id for one in first], waiting[: len(first)], seed)
                        settled |= {one.id for one, stays in zip(first, keep) if not stays}
                        kept = [one.id for one, stays in zip(first, keep) if stays]
                        waiting = kept + waiting[len(first) :]
                        spool.settle(keep)
                    self.assertEqual(spool.waiting, len(waiting), seed)
                    self.assertEqual(spool.front == spool.end, not waiting, seed)
                spool.close()

    def test_a_torn_line_is_cut_and_a_damaged_one_is_set_aside(self) -> None:
        spool = self.spool()
        spool.append([event(1), event(2), event(3)])
        spool.close()
        path = Path(self.path("spool")) / f"{1:020d}.spool"
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b'"e2"', b'"e\r"') + b"00000000 {")
        spool = self.spool()
        self.assertEqual((spool.waiting, self.ids(spool)), (3, "e1 e3"))
        (line,) = spool.take_set_aside()
        self.assertEqual((line.line, line.reason[:12]), (2, "its sum says"))
        self.assertIn(b"line 2: its sum says", Path(line.lies_in).read_bytes())
        spool.settle([False, False])
        self.assertEqual((spool.waiting, self.files()), (0, ["lock", "set-aside"]))

    def test_a_full_spool_and_a_disk_that_fails_take_nothing(self) -> None:
        spool = self.spool(max_bytes=100)
        spool.append([event(1)])
        with self.assertRaisesRegex(tc.SpoolError, "at most 100 bytes"):
            spool.append([event(2, "x" * 100)])
        with mock.patch.object(_spool, "_sync", side_effect=OSError(28, "No space left on device")):
            with self.assertRaisesRegex(tc.SpoolError, "No space left"):
                spool.append([event(3)])
        spool.append([event(4)])
        self.assertEqual(self.ids(spool), "e1")
        spool.settle([False])
        self.assertEqual(self.ids(spool), "e4")
        spool.close()
        self.assertEqual(self.ids(self.spool()), "e4")

    def test_what_the_client_in_rust_left_is_delivered(self) -> None:
        json = '{"id":"e\\"1","task":"Ü","wait_recorded":{}}'.encode()
        os.mkdir(self.path("spool"))
        Path(self.path("spool"), f"{7:020d}.spool").write_bytes(b"d7104180 " + json + b"\n")
        Path(self.path("spool"), "ledger").write_text("07")
        spool = self.spool()
        (found,) = spool.peek(9, 1 << 20)
        self.assertEqual((found.id, found.task, found.json, spool.ledger), ('e"1', "Ü", json, "07"))
        spool.append([event(2)])
        self.assertIn(f"{8:020d}.spool", self.files())

    def test_the_ledger_is_remembered_as_long_as_anything_waits(self) -> None:
        spool = self.spool()
        spool.append([event(1)])
        spool.is_for("0a")
        spool.close()
        spool = self.spool()
        self.assertEqual(spool.ledger, "0a")
        spool.peek(1, 1)
        spool.settle([False])
        spool.close()
        self.assertEqual(self.spool().ledger, None)
        self.assertEqual(oct(os.stat(self.path("spool")).st_mode & 0o777), "0o700")


def on_disk(options: tc.SpoolOptions) -> list[Outgoing]:
    """All events that wait, by their files: they stay where they are."""
    found = []
    for path in sorted(Path(options.dir).glob("*.spool")):
        found += [_spool.event_of(line) for line in path.read_bytes().splitlines()]
    return found
