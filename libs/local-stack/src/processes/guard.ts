import { spawn } from 'node:child_process';

/** A guard that ends a process when its parent is gone. */
export interface Guard {
  /** Ends the guard itself. Call it before the process is ended in the ordinary way, so that no reused pid is hit. */
  readonly release: () => void;
}

/** Options of {@link endWithParent}. */
export interface GuardOptions {
  /** The polite signal; SIGKILL follows after five seconds. */
  readonly signal: 'INT' | 'TERM';
  /** Signal the process group that `pid` leads. Default false. */
  readonly group?: boolean;
  /** Deleted after the process ended. */
  readonly removeDirectory?: string;
}

const SCRIPT = `
  read -r answer
  [ "$answer" = release ] && exit 0
  kill -"$2" "$1" 2>/dev/null
  i=0
  while kill -0 "$1" 2>/dev/null && [ $i -lt 50 ]; do sleep 0.1; i=$((i + 1)); done
  kill -KILL "$1" 2>/dev/null
  [ -n "$3" ] && rm -rf -- "$3"
  exit 0`;

/**
 * Ends `pid` as soon as the calling process dies, however it dies: a shell of one megabyte waits on a pipe that only
 * the caller holds open.
 */
export function endWithParent(pid: number, options: GuardOptions): Guard {
  const target = options.group ? `-${pid}` : String(pid);
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'guard', target, options.signal, options.removeDirectory ?? ''], {
    detached: true, // a Ctrl-C in the terminal must not end the guard first
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  child.on('error', () => undefined); // without a shell there is no guard; the ordinary end still works
  child.stdin.on('error', () => undefined);
  const { stdin } = child;
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  return { release: () => stdin.end('release\n') };
}
