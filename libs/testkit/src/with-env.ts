/** Runs `work` with environment variables set (or, by undefined, unset), and puts the old ones back. */
export async function withEnv<T>(
  variables: Readonly<Record<string, string | undefined>>,
  work: () => T | Promise<T>,
): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  assign(Object.entries(variables));
  try {
    return await work();
  } finally {
    assign(before);
  }
}

function assign(entries: Iterable<readonly [string, string | undefined]>): void {
  for (const [name, value] of entries) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
