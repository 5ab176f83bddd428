/** What the worker of another team serves, for the example of a call across teams. */
export async function WarmCaches({ env, hosts }: { env: string; hosts: number }): Promise<object> {
  return Promise.resolve({ warmed: hosts, env });
}
