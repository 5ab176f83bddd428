import { createServer } from 'node:net';
import { CodedError } from '@switchyard/contracts';

/** A loopback port that nobody listens on now. Whoever binds it must be ready to lose the race and ask again. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('the operating system gave no port'));
      });
    });
  });
}

/** Whether a loopback port can be bound now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The port that an environment variable names, checked to be free; undefined where it names none. */
export async function portFrom(environment: NodeJS.ProcessEnv, variable: string): Promise<number | undefined> {
  const text = environment[variable];
  if (text === undefined || text === '' || text === '0') return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new CodedError(
      'InvalidInput',
      `${variable}=${text} is not a port; give a number from 1 to 65535, or unset it`,
    );
  }
  if (!(await isPortFree(port))) {
    throw new CodedError(
      'InvalidInput',
      `port ${port} of ${variable} is taken by another program; end it, or name another port, or unset the variable for a free one`,
    );
  }
  return port;
}
