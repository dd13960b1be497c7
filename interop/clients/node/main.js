// npm's etcd3 against one endpoint: put, get, delete, watch, lease, lock, elect, transact. Prints one line a check; exits non-zero on a failure.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Etcd3 } from 'etcd3';

const client = new Etcd3({ hosts: process.argv[2] ?? 'http://127.0.0.1:2379' });
let passed = 0;
async function check(name, body) {
  await body();
  passed++;
  console.log(`ok node ${name}`);
}

await check('put, get, delete', async () => {
  await client.put('node/a').value('1');
  assert.equal(await client.get('node/a').string(), '1');
  await client.put('node/b').value('2');
  assert.deepEqual(await client.getAll().prefix('node/').strings(), { 'node/a': '1', 'node/b': '2' });
  assert.equal((await client.delete().prefix('node/')).deleted, '2');
  assert.equal(await client.get('node/a').string(), null);
});

await check('range options', async () => {
  for (let i = 0; i < 10; i++) await client.put(`node/r${i}`).value(String(9 - i));
  assert.equal(await client.getAll().prefix('node/r').count(), 10);
  assert.deepEqual(await client.getAll().prefix('node/r').limit(2).sort('Value', 'Ascend').keys(), [
    'node/r9',
    'node/r8',
  ]);
});

await check('watch', async () => {
  const watcher = await client.watch().key('node/w').create();
  const put = once(watcher, 'put');
  await client.put('node/w').value('seen');
  assert.equal((await put)[0].value.toString(), 'seen');
  const deleted = once(watcher, 'delete');
  await client.delete().key('node/w');
  assert.equal((await deleted)[0].key.toString(), 'node/w');
  await watcher.cancel();
});

await check('lease', async () => {
  const lease = client.lease(60);
  await lease.put('node/l').value('leased');
  assert.ok(await lease.grant());
  await lease.keepaliveOnce();
  assert.equal(await client.get('node/l').string(), 'leased');
  await lease.revoke();
  assert.equal(await client.get('node/l').string(), null);
});

await check('transaction', async () => {
  await client.put('node/t').value('1');
  const done = await client
    .if('node/t', 'Value', '==', '1')
    .then(client.put('node/t').value('2'))
    .else(client.get('node/t'))
    .commit();
  assert.equal(done.succeeded, true);
  const refused = await client
    .if('node/t', 'Value', '==', '1')
    .then(client.put('node/t').value('3'))
    .else(client.get('node/t'))
    .commit();
  assert.equal(refused.succeeded, false);
  assert.equal(refused.responses[0].response_range.kvs[0].value.toString(), '2');
});

await check('lock', async () => {
  const lock = await client.lock('node/lock').ttl(10).acquire();
  await assert.rejects(client.lock('node/lock').ttl(10).acquire());
  await lock.release();
  await client.lock('node/lock').do(async () => {});
});

await check('election', async () => {
  const election = client.election('node/election');
  const campaign = election.campaign('me');
  await once(campaign, 'elected');
  assert.equal(await election.leader(), 'me');
  const observer = await election.observe();
  assert.equal(observer.leader(), 'me');
  await campaign.resign();
  await observer.cancel();
});

await check('refusals', async () => {
  await assert.rejects(client.put('').value('x'), /key is not provided/);
  await assert.rejects(client.get('x').revision(1_000_000_000).string(), /future revision/);
});

client.close();
console.log(`node: ${passed} passed, 0 failed`);
process.exit(0);
