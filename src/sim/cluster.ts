/**
 * A whole cluster of production members in one process on one seed: machines, the network between them, clients and the judge.
 *
 *     safety     everything goes wrong that may, and every rule is kept
 *     liveness   all is well again: soon there is a leader, everybody is answered, all members and watches catch up, leases end
 */
import type { MemberId } from '../base/ids.js';
import { Random } from '../base/random.js';
import { clusterIdOf } from '../cluster/ids.js';
import { type Member as ClusterMember, encodeContext } from '../cluster/member.js';
import { AlarmType } from '../gen/etcdserverpb/rpc_pb.js';
import { encodeConfChange } from '../raft/conf-change-codec.js';
import { confChangeType, type Entry } from '../wire/raftpb/types.js';
import { ClientWire, DirectCall, type Metadata, type Reach, type SimCall } from './calls.js';
import { Clients } from './clients.js';
import { type ClusterFault, plant, tamper, worldFault } from './cluster-faults.js';
import { ClusterJudge, clockRateMax } from './cluster-judge.js';
import type { SimHost } from './host.js';
import { Inspection } from './inspection.js';
import { rule, same } from './judge.js';
import { Machine } from './machine.js';
import { SimNetwork } from './network.js';
import { Operator } from './operator.js';
import { Schedule } from './schedule.js';
import { founder } from './site.js';
import { SimWorld, type WorldOptions } from './world.js';

/** Elections take a second or two each, and the first may be split. */
const leaderWithinMs = 20_000;
/** Requests of the time before give up after some seconds; the rest is catching up. */
const restWithinMs = 60_000;
/** Connections to one process. */
const wiresMax = 2;
/** Each member is asked for so many revisions; the others for others. */
const revisionsMax = 6;
/** No lease is granted for longer than this, and nobody renews any more. */
const leasesEndWithinMs = 25_000;

export class SimCluster {
  readonly schedule = new Schedule();
  readonly random: Random;
  readonly network: SimNetwork;
  readonly judge: ClusterJudge;
  readonly clients: Clients;
  readonly machines: Machine[] = [];
  readonly counts = { starts: 0, powerFailures: 0, kills: 0, diskFailures: 0, removed: 0 };
  readonly operator: Operator;
  /** Nothing is broken on purpose any more. */
  healing = false;
  readonly #fault: ClusterFault;
  readonly #options: WorldOptions;
  readonly #serving = new Set<SimHost>();
  readonly #wires = new Map<SimHost, ClientWire[]>();
  readonly #founders: readonly ClusterMember[];

  constructor(seed: number, fault: ClusterFault = 'none') {
    this.random = new Random(seed);
    const { random, schedule } = this;
    this.#fault = fault;
    this.#options = worldOptions(random.fork(), fault);
    this.network = new SimNetwork(schedule, random.fork());
    tamper(fault, this.network);
    const nowMs = () => schedule.nowMs;
    this.judge = new ClusterJudge(nowMs);
    this.clients = new Clients(random.fork(), this.judge, nowMs, (host, path, metadata) =>
      this.#open(host, path, metadata),
    );
    this.network.onSend = (from, message) => this.judge.sends(from, message);
    const size = random.pick([3, 3, 3, 3, 5, 5, 5, 1, 2, 4, 7]);
    this.#founders = Array.from({ length: size }, (_, at) => founder(`m${at + 1}`, `http://m${at + 1}:2380`));
    this.judge.founded(this.#founders.map(foundingEntry));
    for (const own of this.#founders) this.add(own, this.#founders, []);
    for (const machine of this.machines) machine.start();
    this.operator = new Operator(this);
    this.#beat();
  }

  /** Processes that serve clients. */
  get serving(): readonly SimHost[] {
    return [...this.#serving];
  }

  get nowMs(): number {
    return this.schedule.nowMs;
  }

  /** The member that leads, as far as the running ones know. */
  get leader(): Machine | undefined {
    let found: Machine | undefined;
    let term = 0;
    for (const machine of this.machines) {
      const { raft } = machine.host?.assembled.member.node ?? {};
      if (raft?.role !== 'leader' || raft.term <= term) continue;
      found = machine;
      term = raft.term;
    }
    return found;
  }

  machine(id: MemberId): Machine | undefined {
    return this.machines.find((machine) => machine.id === id);
  }

  /** One more machine; its first process is not begun yet. */
  add(own: ClusterMember, founders: readonly ClusterMember[], known: readonly ClusterMember[]): Machine {
    const { random, schedule, network, judge } = this;
    const clusterId = clusterIdOf(this.#founders.map(({ id }) => id));
    // The network is given when there is a machine to attach.
    const port = { begin: (host: SimHost) => attached.begin(host) };
    const site = { own, clusterId, founders, known, network: port };
    const world = new SimWorld(random.fork(), this.#options, site);
    world.clockRate = clockRateMax - random.below(60) / 1000;
    const machine = new Machine(world, {
      schedule,
      random: random.fork(),
      network,
      judge,
      begun: (host) => {
        this.counts.starts++;
        plant(this.#fault, host, random);
      },
      looked: (host) => this.#looked(host),
      ended: (ended, host, how) => this.#ended(ended, host, how),
    });
    const attached = network.attach(machine);
    this.machines.push(machine);
    return machine;
  }

  run(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.schedule.step(untilMs));
  }

  /** Lets time pass until `holds`. */
  until(holds: () => boolean, what: string, withinMs = restWithinMs): void {
    const untilMs = this.nowMs + withinMs;
    while (!holds()) if (!this.schedule.step(untilMs)) rule(holds(), () => `never came to it: ${what}\n${this.dump()}`);
  }

  /** Nothing is broken any more, and soon nothing is amiss. */
  heal(): void {
    const { network, clients, judge } = this;
    this.healing = true;
    network.openAll();
    Object.assign(network.weather, { latencyMs: 1, lossOneIn: 0, doubleOneIn: 0 });
    for (const machine of this.machines) {
      machine.world.disk.fails = () => undefined;
      machine.world.disk.crashAtCall = Number.POSITIVE_INFINITY;
      machine.diskMs = 0.3;
      machine.diskStallsToMs = 0;
      machine.wake();
      if (!machine.up && !machine.retired) machine.start();
    }
    const isLed = () => this.#members().some(({ host }) => host?.assembled.member.isLeader);
    // It may take those who were added and not started yet.
    this.until(
      () => {
        this.operator.startAdded();
        return isLed();
      },
      'a leader',
      leaderWithinMs,
    );
    this.until(() => this.operator.tidy(), 'a machine for each member');
    this.until(() => this.#atRest() && !clients.waiting, 'clients that have been answered, and members at rest');
    this.until(() => clients.watches.every((watch) => watch.caughtUp), 'watches that have seen all');
    this.#compare();
    const settle = () => this.until(() => this.#atRest(), 'members at rest');
    for (const { host } of this.#members()) {
      if (host === undefined) continue;
      const until = (holds: () => boolean, what: string) => this.until(holds, what);
      const reach = (act: () => void) => this.reach(host, act);
      new Inspection(host, judge, this.random, { until, settle, reach, revisionsMax }).run();
    }
    this.until(() => judge.model.leases.size === 0, 'the end of all leases', leasesEndWithinMs);
    settle();
    this.#compare();
  }

  /** One line a member, for who looks into a failure. */
  dump(): string {
    return this.machines
      .map((machine) => {
        const { member } = machine.host?.assembled ?? {};
        const state = machine.retired ? 'retired' : machine.asleep ? 'asleep' : machine.up ? 'up' : 'down';
        if (member === undefined) return `${machine.world.site.own.name} ${state}`;
        const { raft } = member.node;
        const voters = raft.tracker.configuration.voters.map((id) => this.machine(id)?.world.site.own.name);
        return (
          `${machine.world.site.own.name} ${state} ${raft.role} term=${raft.term} lead=${this.machine(raft.lead)?.world.site.own.name} ` +
          `${raft.log} applied=${member.applied} pending=${member.pendingProposals} ready=${machine.host?.ready} voters=${voters}`
        );
      })
      .join('\n');
  }

  /** Those that are of the cluster, by what the member that has applied most says. */
  #members(): readonly Machine[] {
    const { book } = this;
    return this.machines.filter(({ id, retired }) => !retired && (book === undefined || book.member(id) !== undefined));
  }

  get book() {
    let newest: SimHost | undefined;
    for (const { host } of this.machines) {
      if (host !== undefined && host.assembled.member.applied >= (newest?.assembled.member.applied ?? 0)) newest = host;
    }
    return newest?.assembled.members;
  }

  #atRest(): boolean {
    return this.#members().every(
      ({ host }) => host?.ready === true && host.quiet && host.assembled.member.applied === this.judge.lastIndex,
    );
  }

  /** All members hold the same. */
  #compare(): void {
    const members = this.#members();
    for (const { host } of members) {
      if (host === undefined) continue;
      same('applied', String(host.assembled.member.applied), String(this.judge.lastIndex));
      const alarms = host.assembled.alarms.list(AlarmType.NONE).map(({ alarm }) => AlarmType[alarm]);
      same('alarms', alarms.join(), '');
      same('revision', String(host.assembled.member.revision), String(this.judge.revision));
    }
  }

  /** Has a process do something that comes from outside; nothing once it is gone. */
  reach(host: SimHost, act: () => void): void {
    const machine = this.machine(host.id);
    if (machine?.host === host) machine.enter(act, true);
  }

  /** Some calls go over connections, others are there at once. */
  #open(host: SimHost, path: string, metadata: Metadata): SimCall {
    const { random, schedule } = this;
    const reach: Reach = (to, act) => this.reach(to, act);
    if (random.oneIn(2)) return new DirectCall(host, reach, path, metadata);
    const wires = (this.#wires.get(host) ?? []).filter((wire) => !wire.isCut);
    this.#wires.set(host, wires);
    if (wires.length < wiresMax)
      wires.push(new ClientWire(host, { schedule, random, reach, heard: () => this.#heard(host) }));
    return random.pick(wires).call(path, metadata);
  }

  #heard(host: SimHost): void {
    if (this.#serving.has(host)) this.clients.listen(host);
  }

  #looked(host: SimHost): void {
    for (const wire of this.#wires.get(host) ?? []) wire.flush();
    if (this.#serving.has(host)) this.clients.listen(host);
    else if (host.ready && this.machine(host.id)?.host === host) {
      this.#serving.add(host);
      this.clients.join(host);
    }
  }

  #ended(machine: Machine, host: SimHost | undefined, how: string): void {
    const { counts, schedule, random } = this;
    if (how === 'power failed') counts.powerFailures++;
    else if (how === 'killed') counts.kills++;
    else if (how === 'disk failed') counts.diskFailures++;
    else if (how === 'removed') counts.removed++;
    if (host !== undefined) {
      this.#serving.delete(host);
      for (const wire of this.#wires.get(host) ?? []) wire.cut(false);
      this.#wires.delete(host);
      this.clients.leave(host);
    }
    if (machine.retired) return;
    const downMs = this.healing ? 100 : 20 + random.below(random.pick([200, 2000, 8000]));
    schedule.after(downMs, () => {
      if (!machine.up && !machine.retired) machine.start();
    });
  }

  #breakWire(): void {
    const wires = [...this.#wires.values()].flat();
    if (wires.length > 0) this.random.pick(wires).cut(true);
  }

  /** Clients ask, now more, now less. */
  #beat(): void {
    this.schedule.after(this.random.below(120), () => {
      if (this.healing) return;
      this.clients.act();
      if (this.random.oneIn(100)) this.#breakWire();
      this.#beat();
    });
  }
}

function foundingEntry(member: ClusterMember, at: number): Entry {
  const context = encodeContext({ member, isPromote: false });
  const change = { id: 0n, type: confChangeType.addNode, nodeId: member.id, context };
  return { ...encodeConfChange(change), term: 1, index: at + 1 };
}

function worldOptions(random: Random, fault: ClusterFault): WorldOptions {
  return {
    fault: worldFault(fault),
    snapshotCount: 10 + random.below(random.pick([30, 300])),
    catchUpEntries: random.below(random.pick([2, 20, 200])),
    segmentBytes: random.pick([8192, 32_768, 65_536]),
    walsMax: 1 + random.below(3),
    snapshotsMax: 1 + random.below(3),
    compactionBatchLimit: random.pick([5, 1000]),
    diskPace: 3,
    member: {
      preVote: !random.oneIn(3),
      strictReconfigCheck: random.oneIn(3),
      fastLeaseKeepAlive: !random.oneIn(3),
      leaseCheckpointMs: random.pick([0, 0, 1000]),
      leaseCheckpointPersist: random.oneIn(2),
      corruptCheckMs: random.pick([0, 3000]),
      compactHashCheckMs: random.pick([0, 2000]),
    },
  };
}
