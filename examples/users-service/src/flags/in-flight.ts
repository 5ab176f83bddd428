/** Versions of flags by their keys. */
export type Versions = Readonly<Record<string, number>>;

/** One request between its beginning and its end. */
export interface Tracked {
  /** Says which versions the request goes by. False: older ones than it may use, because some gateway lags behind. */
  use(versions: Versions): boolean;
  end(): void;
}

/** Which versions of flags the requests in flight may still use. */
export interface InFlight {
  /** Begins a request, before it evaluates anything. */
  begin(): Tracked;
  /** From now on no request begins with less than these versions; those that run already may. False: they are older ones. */
  raise(versions: Versions): boolean;
  /** The lowest version of each flag that any request, also one that begins now, may use. */
  lowest(): Versions;
}

/** Tracks requests. A request that is still evaluating counts with the least that it could get. */
export function createInFlight(): InFlight {
  const running = new Set<{ floor: Versions }>();
  let minimum: Versions = {};
  const isBelow = (versions: Versions, floor: Versions): boolean =>
    Object.entries(floor).some(([key, version]) => (versions[key] ?? 0) < version);

  return {
    begin() {
      const request = { floor: minimum };
      running.add(request);
      return {
        use(versions) {
          if (isBelow(versions, request.floor)) return false;
          request.floor = versions;
          return true;
        },
        end: () => void running.delete(request),
      };
    },
    raise(versions) {
      if (isBelow(versions, minimum)) return false;
      minimum = versions;
      return true;
    },
    lowest() {
      const floors = [...running].map(({ floor }) => floor);
      return Object.fromEntries(
        Object.entries(minimum).map(([key, version]) => [
          key,
          // A request from before the flag was known may not have found it: 0.
          Math.min(version, ...floors.map((floor) => floor[key] ?? 0)),
        ]),
      );
    },
  };
}
