/** The client gives what the API answers, under its types, and an error that says what was wrong. */
import { describe, expect, it } from 'vitest';
import { ClientError, createClient } from '../../src/api/client.ts';
import { recordings, served } from './apiServer.ts';
import { folder, HTTP_ID, STDIO_ID } from './recordings.ts';

describe('the client', () => {
  it('reads everything that there is', async () => {
    const dir = folder();
    await recordings(dir);
    const { url, token } = await served({}, dir);
    const client = createClient({ url: `${url}/`, token });
    const { items, next } = await client.sessions({ filter: 'is:failed', limit: 1 });
    expect(items.map(({ id }) => id)).toEqual([HTTP_ID]);
    const rest = await client.sessions({ filter: 'is:failed', after: next });
    expect(rest.items.map(({ id }) => id)).toEqual([STDIO_ID]);

    const session = await client.session(STDIO_ID);
    const { items: operations } = await client.sessionOperations(STDIO_ID, { limit: 1000 });
    expect(operations).toHaveLength(session.operations);
    expect(await client.operation(STDIO_ID, 2)).toEqual(
      operations.find(({ operationId }) => operationId === 2),
    );
    const { items: frames } = await client.frames(STDIO_ID, { payload: 'full', limit: 1000 });
    expect(frames).toHaveLength(session.frames);
    const [first] = frames;
    expect(await client.frame(STDIO_ID, 0)).toMatchObject({ ...first });
    expect(Buffer.from(await client.frameBytes(STDIO_ID, 0)).toString()).toBe(first?.text);
    expect((await client.findings(STDIO_ID)).total).toBe(session.findings);
    expect((await client.explain(STDIO_ID)).healthy).toBe(false);
    expect(
      (await client.check(STDIO_ID, { failOn: ['none'], forbidTool: ['echo'] })).violations,
    ).toHaveLength(2);
    expect((await client.operations({ filter: 'tool:echo' })).items.length).toBeGreaterThan(1);
    expect((await client.search({ filter: 'tool:echo' })).sessions.items).toHaveLength(2);
    expect((await client.stats()).complete).toBe(true);
    expect((await client.diff({ before: STDIO_ID, after: STDIO_ID })).same).toBe(true);
    expect((await client.config()).settings).toHaveProperty(['dataDir', 'value'], dir);
    expect(await client.health()).toMatchObject({ version: '1.2.3', live: 0, cursor: '2.12' });
  });

  it('marks sessions, and moves them from store to store', async () => {
    const dir = folder();
    await recordings(dir);
    const { url, token } = await served({}, dir);
    const client = createClient({ url, token });
    expect(await client.pin(HTTP_ID)).toMatchObject({ pinned: true });
    expect(await client.unpin(HTTP_ID)).toMatchObject({ pinned: false });
    expect(await client.note(HTTP_ID, 'look')).toMatchObject({ note: 'look' });
    expect(await client.removeNote(HTTP_ID)).not.toHaveProperty('note');
    const other = await served();
    const there = createClient({ url: other.url, token: other.token });
    const { body } = await client.export(HTTP_ID);
    if (body === null) throw new Error('an export has no body');
    const { sessions } = await there.import(body);
    expect(sessions).toMatchObject([{ id: HTTP_ID }]);
  });

  it('rejects with what the problem is', async () => {
    const { url, token } = await served();
    const client = createClient({ url, token });
    const error: unknown = await client.sessions({ filter: 'is:brokn' }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ status: 400, problem: { parameter: 'filter', at: 3 } });
    await expect(createClient({ url, token: 'x' }).health()).rejects.toThrow('the token is missing or wrong');
    await expect(client.session('../../healthz')).rejects.toMatchObject({ status: 404 });
  });
});
