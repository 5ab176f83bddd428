import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MalformedMessageError } from '../errors.js';
import { SpoolFile } from './spool-file.js';

/** The files of the transactions that the server is sending before their end. */
export class Spools {
  readonly #directory: string;
  readonly #slot: string;
  readonly #open = new Map<number, SpoolFile>();

  /** `directory` is for streams of one cluster: files are named by slot and transaction. */
  constructor(directory: string, slot: string) {
    this.#directory = directory;
    this.#slot = slot;
  }

  /** How many transactions have begun and not ended. */
  get size(): number {
    return this.#open.size;
  }

  /** Makes the directory and removes what a killed process left there. Only for whoever holds the slot. */
  async prepare(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const names = await readdir(this.#directory);
    const old = names.filter((name) => name.startsWith(`${this.#slot}.`) && name.endsWith('.spool'));
    await Promise.all(old.map((name) => rm(join(this.#directory, name), { force: true })));
  }

  /** The file for the next block of a transaction. */
  block(xid: number, isFirst: boolean): SpoolFile {
    const known = this.#open.get(xid);
    if ((known === undefined) !== isFirst) {
      const problem = isFirst ? 'begins again' : 'goes on and never began';
      throw new MalformedMessageError(`transaction ${xid} ${problem}`, { message: 'streamStart' });
    }
    const spool = known ?? new SpoolFile(join(this.#directory, `${this.#slot}.${xid}.spool`));
    this.#open.set(xid, spool);
    return spool;
  }

  /** The file of a transaction that committed. It is still this object's to remove. */
  committed(xid: number): SpoolFile {
    const spool = this.#open.get(xid);
    if (spool === undefined)
      throw new MalformedMessageError(`transaction ${xid} commits and never began`, { message: 'streamCommit' });
    return spool;
  }

  /** A transaction was rolled back, or only a part of it. */
  async abort(xid: number, subXid: number): Promise<void> {
    if (xid === subXid) await this.remove(xid);
    else this.#open.get(xid)?.abort(subXid);
  }

  async remove(xid: number): Promise<void> {
    const spool = this.#open.get(xid);
    await spool?.remove();
    this.#open.delete(xid);
  }

  async flush(): Promise<void> {
    for (const spool of this.#open.values()) await spool.flush();
  }

  async removeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((xid) => this.remove(xid)));
  }
}
