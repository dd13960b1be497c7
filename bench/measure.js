/** How a figure comes about: a fresh server for each measurement, the two kinds in turn, medians over the rounds. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCluster } from './cluster.js';
import { binaries, generate } from './generators.js';
import { freePort, startServer } from './servers.js';

/** Figures that every row shows, and those that are shown where they are wished for. */
const always = ['rate', 'p99Ms', 'serverCpuMicrosPerOperation'];

/**
 * All targets in each round, so that a machine that grows busier hurts both kinds and all targets alike.
 * The first round is always made; no measurement of a later one begins after `deadlineMs` (of `Date.now`).
 */
export async function measureAll(targets, { rounds, deadlineMs, told, ...timing }) {
  const results = new Map(targets.map((target) => [target, []]));
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) {
      if (round > 0 && (target.once || Date.now() > deadlineMs)) continue;
      const began = Date.now();
      results.get(target).push(await measure(target, round, timing));
      told(target, round, (Date.now() - began) / 1000);
    }
  }
  return targets.flatMap((target) => rowsOf(target, results.get(target)));
}

/** One target once on each kind of server: { etcd: { go: figures, own: figures }, quorate: ... }. */
async function measure(target, round, timing) {
  const figures = {};
  for (const kind of turned(['etcd', 'quorate'], round)) {
    try {
      const withServers = target.members === undefined ? withServer : withCluster;
      figures[kind] = await withServers(kind, (servers) => loadInTurn(servers, target, round, timing), target.members);
    } catch (error) {
      figures[kind] = { failure: error.message };
    }
  }
  return figures;
}

/** Every generator that has a wish, on one server: what is measured second finds it with the first one's data. */
async function loadInTurn(servers, { load, to, fill, wishes }, round, { seconds, warmup, shrink }) {
  const server = to === 'leader' ? await leaderOf(servers) : servers;
  if (fill !== undefined) {
    await generate('own', server, {
      work: 'fill',
      clients: 200,
      connections: 20,
      total: fill / shrink,
      keys: fill / shrink,
    });
  }
  const figures = {};
  for (const generator of turned(Object.keys(wishes), round)) {
    const scaled = load.total === undefined ? load : { ...load, total: load.total / shrink };
    const keys = fill === undefined ? {} : { keys: fill / shrink };
    figures[generator] = await generate(generator, server, { ...scaled, ...keys, seconds, warmup });
  }
  return figures;
}

/** Load goes to the leader alone; all members' processor time counts. */
async function leaderOf(cluster) {
  const { endpoint } = await cluster.leader();
  return { endpoint, pid: cluster.pid };
}

export function withServer(kind, work) {
  return whileUp(work, async (dir) => {
    const ports = { port: await freePort(), peerPort: await freePort() };
    return startServer(kind, { dir: join(dir, 'data'), binaries, ...ports });
  });
}

export function withCluster(kind, work, count) {
  return whileUp(work, (dir) => startCluster(kind, { dir, count, binaries }));
}

async function whileUp(work, start) {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
  try {
    const servers = await start(dir);
    try {
      return await work(servers);
    } finally {
      await servers.stop();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
    // What one leaves for the disk to do must not slow the next.
    spawnSync('sync');
  }
}

/** Whoever goes first differs from round to round. */
function turned(names, round) {
  return round % 2 === 0 ? names : names.toReversed();
}

/** One row for each figure: medians, their ratio, and whether the wish is met. */
function rowsOf({ name, wishes }, results) {
  const failure = results.flatMap(({ etcd, quorate }) => [etcd.failure, quorate.failure]).find(Boolean);
  const rows = [];
  for (const [generator, wished] of Object.entries(wishes)) {
    for (const figure of new Set([...always, ...Object.keys(wished)])) {
      const of = (kind) => median(results.map((result) => result[kind][generator]?.[figure]));
      const [etcd, quorate] = [of('etcd'), of('quorate')];
      rows.push(
        rowOf({ work: name, generator, figure, etcd, quorate, wish: wished[figure], ...(failure && { failure }) }),
      );
    }
  }
  return rows;
}

/** A figure that is missing on one side meets no wish. */
export function rowOf(row) {
  const { etcd, quorate, wish } = row;
  const ratio = etcd === undefined || quorate === undefined ? undefined : quorate / etcd;
  if (wish === undefined) return { ...row, ratio };
  return { ...row, ratio, met: ratio !== undefined && holds(wish, ratio, quorate) };
}

/** `below` is a limit for our own figure, whatever Go etcd's is. */
function holds({ atLeast = 0, atMost = Infinity, below = Infinity }, ratio, own) {
  return ratio >= atLeast && ratio <= atMost && own < below;
}

function median(values) {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0 || !Number.isInteger(middle)) return sorted[Math.floor(middle)];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}
