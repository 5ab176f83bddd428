import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readZipEntry } from './read-zip-entry.js';

/** A zip archive of these entries; the first is stored, the others are deflated. */
function zip(entries: readonly (readonly [string, string])[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [i, [name, text]] of entries.entries()) {
    const data = i === 0 ? Buffer.from(text) : deflateRawSync(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(3, 28);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(i === 0 ? 0 : 8, 10);
    central.writeUInt32LE(data.length, 20);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(offset, 42);
    const written = [local, Buffer.from(name), Buffer.from('xyz'), data];
    locals.push(...written);
    centrals.push(central, Buffer.from(name));
    offset += written.reduce((sum, part) => sum + part.length, 0);
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, ...centrals, end]);
}

describe('readZipEntry', () => {
  const archive = zip([
    ['tfplan', 'the plan'],
    ['tfstate', 'the state'],
    ['tfstate-prev', 'the former state'],
  ]);

  it('reads stored and deflated entries by their whole name', () => {
    expect(readZipEntry(archive, 'tfplan')?.toString()).toBe('the plan');
    expect(readZipEntry(archive, 'tfstate')?.toString()).toBe('the state');
    expect(readZipEntry(archive, 'tfstate-prev')?.toString()).toBe('the former state');
  });

  it('gives nothing for an entry that is not there, and for what is no archive', () => {
    expect(readZipEntry(archive, 'state')).toBeUndefined();
    expect(readZipEntry(Buffer.from('encrypted'), 'tfstate')).toBeUndefined();
    expect(readZipEntry(Buffer.alloc(0), 'tfstate')).toBeUndefined();
  });
});
