export { fakeHttp, type FakeAnswer, type FakeHttp, type FakeRoutes, type RecordedRequest } from './fake-http.js';
export { hostedZone, type HostedZoneOptions, type RecordSet } from './fake-route53.js';
export { createGitRepository, type GitRepository } from './git-repository.js';
export { startGitServer, type GitServer, type GitServerOptions } from './git-server.js';
export { keepHistory, replayKept } from './keep-history.js';
export { comeUp, playControllers } from './kubernetes-controllers.js';
export { startKubernetes, type ApiReply, type StartedKubernetes } from './kubernetes-server.js';
export { leftovers } from './leftovers.js';
export {
  startPostgres,
  type PostgresForTests,
  type StartedPostgres,
  type StartPostgresOptions,
} from './postgres-server.js';
export { postgres, temporal } from './provided.js';
export { replayAll, type ReplayAllOptions } from './replay-all.js';
export { startTcpProxy, type TcpProxy } from './tcp-proxy.js';
export { startTemporal, type StartedTemporal, type TemporalForTests } from './temporal-server.js';
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.js';
export { startTimeSkipping, type TimeSkipping } from './time-skipping.js';
export { tools } from './tools.js';
export { waitFor, type Settled, type WaitForOptions } from './wait-for.js';
export { withEnv } from './with-env.js';
