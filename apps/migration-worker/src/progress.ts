const LEAST_MS = 2_000;
const LEAST_PERCENT = 5;

/** Passes progress on at most every two seconds and five percent: each report costs history. The first one is passed on at once. */
export function createProgress(
  report: (percent: number, detail: string) => void,
  now: () => number = () => performance.now(),
): (percent: number, detail: string) => void {
  let told: { at: number; percent: number } | undefined;
  return (percent, detail) => {
    const rounded = Math.max(0, Math.min(100, Math.round(percent)));
    if (told && (now() - told.at < LEAST_MS || Math.abs(rounded - told.percent) < LEAST_PERCENT)) return;
    told = { at: now(), percent: rounded };
    report(rounded, detail);
  };
}
