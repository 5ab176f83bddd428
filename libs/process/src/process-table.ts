import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';

/** The environment name that carries the run marker in every program that a worker starts. */
export const MARKER_NAME = 'SWITCHYARD_RUN';

/** A living process, as `/proc` tells it. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** Process group. */
  readonly group: number;
  readonly session: number;
  /** Clock ticks since boot; with the pid it tells a process from a later one with the same pid. */
  readonly startTime: number;
  /** Name of the program, at most 15 characters. The argument list is left out: it may hold what nobody should read. */
  readonly name: string;
}

/** Which processes belong to a program. */
export interface ProgramTree {
  /** The run marker: an exact value of {@link MARKER_NAME}, or the part of it before a `/`. */
  readonly marker: string;
  /** The group (and session) of the program, for members that dropped their environment. */
  readonly group?: number;
}

/** Parses `/proc/<pid>/stat`; undefined for zombies, which are ended and only wait for their parent. */
export function parseStat(stat: string): ProcessInfo | undefined {
  // The name stands in parentheses and may itself hold spaces and parentheses.
  const open = stat.indexOf('(');
  const close = stat.lastIndexOf(')');
  if (open === -1 || close === -1) return undefined;
  const fields = stat.slice(close + 2).split(' ');
  const number = (index: number): number => Number(fields[index]);
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return {
    pid: Number(stat.slice(0, open)),
    parent: number(1),
    group: number(2),
    session: number(3),
    startTime: number(19),
    name: stat.slice(open + 1, close),
  };
}

/** The run marker in the environment block of a process. */
export function markerIn(environ: Buffer): string | undefined {
  const name = Buffer.from(`${MARKER_NAME}=`);
  for (let at = environ.indexOf(name); at !== -1; at = environ.indexOf(name, at + 1)) {
    if (at > 0 && environ[at - 1] !== 0) continue;
    const end = environ.indexOf(0, at);
    return environ.toString('utf8', at + name.length, end === -1 ? environ.length : end);
  }
  return undefined;
}

/** Whether a marker is this one, or one below it (`marker/...`). */
export function isAtOrBelow(found: string, marker: string): boolean {
  return found === marker || found.startsWith(`${marker}/`);
}

/** A process may end between listing and reading, and those of other users are not ours to read. */
function readOrNothing(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

interface TableRow {
  readonly info: ProcessInfo;
  readonly marker: string | undefined;
}

function readRow(pid: string): TableRow | undefined {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  const info = stat && parseStat(stat.toString('utf8'));
  if (!info || info.pid === process.pid) return undefined;
  const environ = readOrNothing(`/proc/${pid}/environ`);
  return { info, marker: environ && markerIn(environ) };
}

/** Processes that are read in one go, in about two milliseconds: then whoever waits for the event loop has a turn. */
const AT_ONCE = 50;

/**
 * Files of `/proc` are made by the kernel while they are read and never wait for a disk: through the thread pool each
 * would take four times the processor time, and every program of a worker that ends costs a reading.
 */
async function readTable(): Promise<readonly TableRow[]> {
  const entries = await readdir('/proc').catch((): string[] => []);
  const pids = entries.filter((entry) => /^\d+$/.test(entry));
  const rows: TableRow[] = [];
  for (const [index, pid] of pids.entries()) {
    // oxlint-disable-next-line no-await-in-loop
    if (index % AT_ONCE === AT_ONCE - 1) await setImmediate();
    const row = readRow(pid);
    if (row) rows.push(row);
  }
  return rows;
}

let running: Promise<unknown> = Promise.resolve();
let next: Promise<readonly TableRow[]> | undefined;

/**
 * The table as it is after the call. Callers that ask while it is being read share the next reading, which begins
 * after all of them asked: many programs that end at once cost two readings, and none sees an old one.
 */
function freshTable(): Promise<readonly TableRow[]> {
  if (!next) {
    const reading = running.then(() => {
      next = undefined;
      return readTable();
    });
    next = reading;
    running = reading;
  }
  return next;
}

function belongsTo({ info, marker }: TableRow, tree: ProgramTree): boolean {
  // Same group and same session: a later, foreign process with this group number would have a session of its own.
  if (tree.group !== undefined && info.group === tree.group && info.session === tree.group) return true;
  return marker !== undefined && isAtOrBelow(marker, tree.marker);
}

/**
 * The living processes of a program, oldest first, found by its marker in `/proc/<pid>/environ` and by its group.
 * Linux only: elsewhere the list is empty. Processes whose environment this user cannot read are found by group only.
 */
export async function findProcesses(tree: ProgramTree): Promise<ProcessInfo[]> {
  const rows = await freshTable();
  return rows
    .filter((row) => belongsTo(row, tree))
    .map(({ info }) => info)
    .toSorted((a, b) => a.startTime - b.startTime || a.pid - b.pid);
}

/** The living processes that carry the marker, or one below it (`marker/...`), oldest first. */
export function findMarked(marker: string): Promise<ProcessInfo[]> {
  return findProcesses({ marker });
}
