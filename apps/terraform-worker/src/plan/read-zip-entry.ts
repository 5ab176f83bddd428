import { inflateRawSync } from 'node:zlib';

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const END_BYTES = 22;
const STORED = 0;
const DEFLATED = 8;
/** A state is the biggest thing in a plan file; more than this would not fit a worker's memory beside the plan. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * Reads one entry of a zip archive; undefined when there is none of that name.
 * A saved plan is such an archive, and the state that it was made from is in no other place before it is applied.
 * No Zip64 (archives above 4 GiB): a plan never comes near.
 */
export function readZipEntry(archive: Buffer, name: string): Buffer | undefined {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end === -1 || archive.length - end < END_BYTES || archive.readUInt32LE(end) !== END_SIGNATURE) return undefined;
  let at = archive.readUInt32LE(end + 16);
  while (at + 46 <= end && archive.readUInt32LE(at) === ENTRY_SIGNATURE) {
    const nameBytes = archive.readUInt16LE(at + 28);
    if (archive.toString('utf8', at + 46, at + 46 + nameBytes) === name) return inflateEntry(archive, at);
    at += 46 + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return undefined;
}

function inflateEntry(archive: Buffer, at: number): Buffer | undefined {
  const method = archive.readUInt16LE(at + 10);
  const bytes = archive.readUInt32LE(at + 20);
  const local = archive.readUInt32LE(at + 42);
  // The local header repeats name and extra field, and its extra field may be of another length.
  const from = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const data = archive.subarray(from, from + bytes);
  if (method === STORED) return data;
  return method === DEFLATED ? inflateRawSync(data, { maxOutputLength: MOST_BYTES }) : undefined;
}
