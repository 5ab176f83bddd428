import { cpus, loadavg, totalmem } from 'node:os';

/** What a figure depends on besides the code. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGb: number;
  readonly platform: string;
  readonly node: string;
}

export function machine(): Machine {
  const all = cpus();
  return {
    cores: all.length,
    cpu: all[0]?.model ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
  };
}

/** Runnable processes on average over the last 1, 5 and 15 minutes: above the number of cores they wait for each other. */
export const load = (): number[] => loadavg().map((value) => Math.round(value * 100) / 100);
