/** One round: clients at work, a fault, its end, everybody caught up, clients at rest, and judgement. */
import { setTimeout as sleep } from 'node:timers/promises';
import { text, utf8 } from '../../dist/base/bytes.js';
import { KV, Maintenance } from '../../dist/gen/etcdserverpb/rpc_pb.js';
import { Judge } from './judge.js';
import { changeOf, prefix } from './load.js';
import { Watcher } from './watcher.js';

const beforeMsMax = 1000;
const afterMsMax = 1000;
const answerTimeoutMs = 10_000;

/** Answers { problems, base, figures }; `base` is for the next round. */
export async function playRound(stage, scenario, base) {
  stage.rounds++;
  stage.load.start();
  let figures = {};
  try {
    await sleep(200 + stage.random.below(beforeMsMax));
    figures = await scenario.fault(stage);
    const healedMs = figures.healedMs ?? performance.now();
    await stage.caughtUp();
    figures.catchUpMs = performance.now() - healedMs;
    await sleep(200 + stage.random.below(afterMsMax));
  } finally {
    await stage.load.stop();
  }
  await stage.reviveDead();
  const { judge, hashes } = await lookBack(stage, base);
  const problems = [...judge.problems, ...stage.problems.splice(0)];
  figures = { ...figures, ...stage.history.counts() };
  const nextBase = judge.nextBase();
  stage.history.nextRound(judge.came);
  for (const watcher of stage.watchers) watcher.nextRound(judge.final);
  if (new Set(hashes).size > 1) problems.push(`at ${judge.final} the members' hashes are ${hashes.join(', ')}`);
  await compact(stage, judge.final);
  return { problems, base: nextBase, figures };
}

/** What truly happened is what a new watch of one member tells; then everybody is held against it. */
async function lookBack(stage, base) {
  const { endpoints, watchers, random, history } = stage;
  const final = await lastRevision(stage);
  const truth = new Watcher('the witness', () => random.pick(endpoints), base.revision);
  await reach([truth, ...watchers], final);
  truth.close();
  const upTo = ({ revision }) => revision <= final;
  const judge = new Judge(history, base, truth.events.filter(upTo));
  judge.judge();
  judge.problems.unshift(...truth.problems);
  if (judge.problems.length > 0) judge.problems.unshift(`judged up to ${final}, told up to ${truth.revision}`);
  for (const watcher of watchers) {
    judge.watcher(watcher.name, watcher.events);
    judge.problems.push(...watcher.problems);
  }
  const hashes = [];
  for (const endpoint of endpoints) {
    await atRevision(endpoint, final);
    judge.state(`member ${endpoint.index}`, await stateOf(endpoint, final));
    const { hash, compactRevision } = await ask(endpoint, Maintenance.method.hashKV, { revision: BigInt(final) });
    hashes.push(`${hash} (compacted at ${compactRevision})`);
  }
  return { judge, hashes };
}

/** By a linearizable read: nothing that was acknowledged is later. */
async function lastRevision(stage) {
  const read = stage.history.beginRead('', 0);
  const { header } = await stage.until('a linearizable read', () =>
    ask(stage.random.pick(stage.endpoints), KV.method.range, { key: utf8('final') }).catch(() => undefined),
  );
  stage.history.answered(read, Number(header.revision), undefined);
  return Number(header.revision);
}

async function reach(watchers, final) {
  const deadlineMs = performance.now() + answerTimeoutMs;
  for (const watcher of watchers) {
    while (watcher.revision < final && performance.now() < deadlineMs) await sleep(10);
    if (watcher.revision < final) watcher.problems.push(`${watcher.name} knows nothing after ${watcher.revision}`);
  }
}

async function atRevision(endpoint, final) {
  for (const deadlineMs = performance.now() + answerTimeoutMs; performance.now() < deadlineMs; await sleep(10)) {
    const { header } = await ask(endpoint, KV.method.range, { key: utf8('final'), serializable: true });
    if (Number(header.revision) >= final) return;
  }
}

async function stateOf(endpoint, final) {
  const { kvs } = await ask(endpoint, KV.method.range, {
    key: utf8(prefix),
    rangeEnd: utf8(`${prefix.slice(0, -1)}0`),
    revision: BigInt(final),
    serializable: true,
  });
  return new Map(kvs.map((kv) => [text(kv.key), changeOf(kv)]));
}

async function compact(stage, revision) {
  await stage.until('a compaction', () =>
    ask(stage.random.pick(stage.endpoints), KV.method.compact, { revision: BigInt(revision) }).then(
      () => true,
      ({ message }) => (message.includes('compacted') ? true : undefined),
    ),
  );
}

function ask(endpoint, method, request) {
  return endpoint.call(method, request, answerTimeoutMs);
}
