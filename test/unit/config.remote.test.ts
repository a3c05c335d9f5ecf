import { describe, expect, it } from 'vitest';
import { parseRemote, remoteName } from '../../src/config/remote.ts';

function remote(text: string) {
  const parsed = parseRemote(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.remote;
}

describe('the URL of a fleet store', () => {
  it('names hosts, a database, an organisation and a cluster', () => {
    expect(remote('clickhouse://me@a:9001,b/mcp?org=red&cluster=main')).toEqual({
      urls: ['https://a:9001', 'https://b:8443'],
      username: 'me',
      database: 'mcp',
      org: 'red',
      cluster: 'main',
    });
  });

  it('speaks in the clear only with this machine, unless it is told to', () => {
    expect(remote('clickhouse://localhost').urls).toEqual(['http://localhost:8123']);
    expect(remote('clickhouse://[::1]:9000').urls).toEqual(['http://[::1]:9000']);
    expect(remote('clickhouse://db.example').urls).toEqual(['https://db.example:8443']);
    expect(remote('clickhouse://db.example?tls=off').urls).toEqual(['http://db.example:8123']);
    expect(remote('clickhouse://localhost?tls=on').urls).toEqual(['https://localhost:8443']);
  });

  it('has a database, a user and an organisation also where none is named', () => {
    expect(remote('clickhouse://localhost')).toMatchObject({
      ...{ username: 'default', database: 'sidelight', org: 'default', cluster: undefined },
    });
  });

  it('is shown without who asks', () => {
    expect(remoteName(remote('clickhouse://me@a,b:1/mcp?org=red'))).toBe('a:8443,b:1/mcp?org=red');
  });

  it.each([
    ['http://a/b', 'is no URL of a fleet store, such as clickhouse://user@host:8443/sidelight?org=NAME'],
    ['clickhouse://me:secret@a', 'has a password, which others can read'],
    ['clickhouse://a/x;DROP', 'names the database "x;DROP"'],
    ['clickhouse://a?org=a b', 'has the org "a b"'],
    ['clickhouse://a?cluster=x-y', 'names the cluster "x-y"'],
    ['clickhouse://a?orgs=x', 'has "orgs"; known are org, cluster, tls'],
    ['clickhouse://a:99999999', 'names the host "a:99999999"'],
    ['clickhouse:///x', 'names the host ""'],
  ])('%s is refused in a line that says what is wrong, and no secret', (text, message) => {
    const parsed = parseRemote(text);
    expect(parsed.ok ? '' : parsed.message).toContain(message);
    expect(parsed.ok ? '' : parsed.message).not.toContain('secret');
  });
});
