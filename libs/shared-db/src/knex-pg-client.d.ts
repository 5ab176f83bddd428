/** Knex's PostgreSQL client, the class that Knex documents as the base of custom clients. It ships without types of its own. */
declare module 'knex/lib/dialects/postgres/index.js' {
  class PostgresClient {
    constructor(config: object);
    version?: string;
    acquireRawConnection(): Promise<unknown>;
    releaseConnection(connection: unknown): Promise<void>;
    cancelQuery(connection: unknown): Promise<unknown>;
    checkVersion(connection: unknown): Promise<string>;
    _query(connection: unknown, query: unknown): Promise<unknown>;
  }
  export default PostgresClient;
}
