import { expect, it } from 'vitest';
import { fakeHttp } from './fake-http.js';

it('answers from its table and records what was asked', async () => {
  await using fake = await fakeHttp({
    'POST /tickets': { status: 201, body: { id: 7 } },
    'GET /hosts/*': (request) => ({ body: { path: request.path, page: request.query['page'] } }),
  });
  const created = await fetch(`${fake.url}/tickets`, { method: 'POST', body: JSON.stringify({ title: 'x' }) });
  expect([created.status, await created.json()]).toEqual([201, { id: 7 }]);
  const hosts = await fetch(`${fake.url}/hosts/web1?page=2`);
  expect(await hosts.json()).toEqual({ path: '/hosts/web1', page: '2' });
  expect(fake.requests.map(({ method, path, json }) => [method, path, json])).toEqual([
    ['POST', '/tickets', { title: 'x' }],
    ['GET', '/hosts/web1', undefined],
  ]);
});

it('gives the answers of a list one after the other and then stays with the last', async () => {
  await using fake = await fakeHttp({ 'GET /': [{ status: 503 }, { status: 200 }] });
  const states = [];
  for (let i = 0; i < 3; i++) states.push((await fetch(fake.url)).status);
  expect(states).toEqual([503, 200, 200]);
});

it('answers 404 with its routes where none fits, and cuts the connection where told to', async () => {
  await using fake = await fakeHttp({ 'GET /cut': { drop: true } });
  const answer = await fetch(`${fake.url}/other`);
  expect([answer.status, await answer.json()]).toEqual([404, { error: 'no such route', routes: ['GET /cut'] }]);
  await expect(fetch(`${fake.url}/cut`)).rejects.toThrow('fetch failed');
});
