import { appendFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { waitFor } from '@switchyard/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { followFile } from './follow-file.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'follow-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('followFile', () => {
  it('gives lines while they are written, and the unfinished one at the end', async () => {
    const file = path.join(directory, 'out');
    const lines: string[] = [];
    const followed = await followFile(file, (line) => void lines.push(line));
    await appendFile(file, 'one\ntw');
    await waitFor(() => lines.length === 1, { what: 'the first line' });
    await appendFile(file, 'o\nthree');
    await followed.end();
    expect(lines).toEqual(['one', 'two', 'three']);
  });

  it('loses nothing of a flood, in order, with characters of several bytes at the seams', async () => {
    const file = path.join(directory, 'out');
    const lines: string[] = [];
    const followed = await followFile(file, (line) => void lines.push(line));
    const text = Array.from({ length: 20_000 }, (_, i) => `${i} äöü€`);
    await appendFile(file, `${text.join('\n')}\n`);
    await followed.end();
    expect(lines).toEqual(text);
  });

  it('goes on after a line that could not be taken, and tells of it at the end', async () => {
    const file = path.join(directory, 'out');
    const lines: string[] = [];
    const followed = await followFile(file, (line) => {
      lines.push(line);
      if (line === 'bad') throw new Error('not this one');
    });
    await appendFile(file, 'bad\ngood\n');
    await expect(followed.end()).rejects.toThrow('not this one');
    expect(lines).toEqual(['bad', 'good']);
  });

  it('lets nobody else read the file', async () => {
    const file = path.join(directory, 'out');
    const followed = await followFile(file, () => undefined);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await followed.end();
  });
});
