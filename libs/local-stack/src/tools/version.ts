/** The first version number in a text, such as `1.11.4` in `Terraform v1.11.4`. */
export function versionIn(text: string): string | undefined {
  return /(?<![\d.])\d+(?:\.\d+)+/.exec(text)?.[0];
}

/** Whether a version is at least another one, part by part. */
export function atLeast(version: string, minimum: string): boolean {
  const [have, want] = [parts(version), parts(minimum)];
  for (let i = 0; i < Math.max(have.length, want.length); i++) {
    const difference = (have[i] ?? 0) - (want[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

const parts = (version: string): number[] => version.split('.').map((part) => Number.parseInt(part, 10) || 0);
