import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { inflateRawSync } from 'node:zlib';

/** Options of {@link unzip}. */
export interface UnzipOptions {
  /** Takes an entry's name and gives the path below the target where it goes; undefined leaves it out. */
  readonly select: (name: string) => string | undefined;
  /** Mode of a file by its path below the target. Default 0644: archives without modes are common. */
  readonly mode?: (path: string) => number;
}

const END = 0x06054b50;
const CENTRAL = 0x02014b50;

/** Unpacks a zip archive (a Python wheel is one) without any program of the machine. Archives over 4 GB are refused. */
export async function unzip(archive: string, target: string, options: UnzipOptions): Promise<void> {
  const file = await open(archive, 'r');
  try {
    const { size } = await file.stat();
    const read = async (position: number, length: number): Promise<Buffer> => {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, position);
      if (bytesRead !== length) throw new Error(`${archive} is cut off`);
      return buffer;
    };
    for (const entry of await entries(archive, size, read)) {
      const path = entry.name.endsWith('/') ? undefined : options.select(entry.name);
      if (path === undefined) continue;
      const inside = normalize(path);
      if (inside.startsWith('..') || inside.startsWith(sep))
        throw new Error(`${archive} holds ${entry.name}, which leads outside`);
      const local = await read(entry.offset, 30);
      const start = entry.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
      const packed = await read(start, entry.packed);
      if (entry.method !== 0 && entry.method !== 8)
        throw new Error(`${archive} packs ${entry.name} in a way that is unknown here`);
      const content = entry.method === 0 ? packed : inflateRawSync(packed);
      await mkdir(dirname(join(target, inside)), { recursive: true });
      await writeFile(join(target, inside), content, { mode: options.mode?.(inside) ?? 0o644 });
    }
  } finally {
    await file.close();
  }
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packed: number;
  readonly offset: number;
}

async function entries(
  archive: string,
  size: number,
  read: (position: number, length: number) => Promise<Buffer>,
): Promise<Entry[]> {
  const tailLength = Math.min(size, 65_557); // the end record and the longest comment
  const tail = await read(size - tailLength, tailLength);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END) end--;
  if (end < 0) throw new Error(`${archive} is not a zip archive`);
  const directory = await read(tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const found: Entry[] = [];
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === CENTRAL;) {
    const nameLength = directory.readUInt16LE(at + 28);
    found.push({
      name: directory.toString('utf8', at + 46, at + 46 + nameLength),
      method: directory.readUInt16LE(at + 10),
      packed: directory.readUInt32LE(at + 20),
      offset: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return found;
}
