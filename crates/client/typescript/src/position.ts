/** Positions of the log: an epoch, and a sequence for each partition. */

/** A position that covers both, or the new one if it is of another log. */
export function merged(known: string | undefined, added: string): string {
  const [epoch, ours] = split(known ?? "");
  const [theirEpoch, theirs] = split(added);
  if (epoch !== theirEpoch) return added;
  const reached = new Map<number, bigint>();
  for (const [partition, sequence] of [...ours, ...theirs]) {
    const before = reached.get(partition) ?? 0n;
    reached.set(partition, sequence > before ? sequence : before);
  }
  const parts = [...reached].sort(([a], [b]) => a - b).map(([partition, sequence]) => `${partition}:${sequence}`);
  return `${epoch}@${parts.join(",")}`;
}

function split(position: string): [string, [number, bigint][]] {
  const [epoch = "", rest = ""] = position.split("@");
  const parts = rest.split(",").filter((part) => part !== "");
  return [
    epoch,
    parts.map((part): [number, bigint] => {
      const [partition = "", sequence = ""] = part.split(":");
      return [Number(partition), BigInt(sequence)];
    }),
  ];
}
