/** The twin's world on Quorate's library. It draws from the seed in the same order as world.go, line for line. */
import { Random } from '../../dist/base/random.js';
import { describeConfiguration } from '../../dist/raft/configuration.js';
import { describeChanges, describeMessage, describeReady, describeRole } from '../../dist/raft/describe.js';
import {
  decodeConfChange,
  defaults,
  emptyConfState,
  localAppendThread,
  localApplyThread,
  MemoryStorage,
  noLimit,
  RawNode,
  refusals,
  silent,
} from '../../dist/raft/index.js';
import { checkInvariants } from '../../dist/raft/invariants.js';
import { confChangeTransition, confChangeType, entryType, messageType } from '../../dist/wire/raftpb/types.js';

const utf8 = (text) => Buffer.from(text);
const said = (refused) => (refused === undefined ? '<nil>' : refusals[refused]);
const none = new Uint8Array(0);

export class World {
  hash = 2166136261;
  panicked = false;
  why = undefined;
  #random;
  #nodes = [];
  #net = [];
  #isolated = new Set();
  #keeper;
  #confChanges;
  #reads = 0;
  #show;

  constructor(seed, show) {
    this.#show = show;
    const r = new Random(seed);
    this.#random = r;
    const pick = (...values) => values[r.below(values.length)];
    const n = 1 + r.below(7);
    const members = 1 + r.below(n);
    let learners = 0;
    if (members > 1 && r.below(3) === 0) learners = 1;
    const bootstrap = r.below(4) === 0;
    const cfg = { ...defaults, logger: silent };
    cfg.electionTicks = 3 + r.below(8);
    cfg.heartbeatTicks = 1 + r.below(2);
    cfg.preVote = r.below(2) === 0;
    cfg.checkQuorum = r.below(2) === 0;
    const lease = r.below(3) === 0 && cfg.checkQuorum;
    if (lease) cfg.readOnly = 'leaseBased';
    cfg.asyncStorageWrites = r.below(2) === 0;
    cfg.stepDownOnRemoval = r.below(2) === 0;
    cfg.disableProposalForwarding = r.below(8) === 0;
    cfg.maxInflightMessages = pick(1, 2, 3, 16, 256);
    cfg.maxUncommittedBytes = pick(0, 0, 20, 200);
    const small = r.below(3) === 0;
    cfg.maxMessageBytes = noLimit;
    if (small) {
      cfg.maxMessageBytes = pick(1, 30, 100);
      cfg.maxApplyingBytes = pick(0, 1, 60, 300);
      if (r.below(3) === 0) cfg.maxInflightBytes = cfg.maxMessageBytes * pick(1, 2, 4);
    }
    this.#confChanges = !small;
    this.#keeper = 1 + r.below(members - learners);
    this.#line(
      `nodes=${n} members=${members} learners=${learners} bootstrap=${bootstrap} election=${cfg.electionTicks} heartbeat=${cfg.heartbeatTicks} prevote=${cfg.preVote} quorum=${cfg.checkQuorum} lease=${lease} async=${cfg.asyncStorageWrites} stepdown=${cfg.stepDownOnRemoval} noforward=${cfg.disableProposalForwarding} small=${small}`,
    );
    const confState = { ...emptyConfState, voters: [], learners: [] };
    const peers = [];
    for (let id = 1; id <= members; id++) {
      if (id > members - learners) confState.learners.push(BigInt(id));
      else confState.voters.push(BigInt(id));
      peers.push({ id: BigInt(id), context: undefined });
    }
    for (let id = 1; id <= n; id++) {
      const timeouts = new Random(seed * 31 + id);
      const storage = new MemoryStorage();
      const config = { ...cfg, id: BigInt(id), storage, random: (below) => timeouts.below(below) };
      const node = {
        id,
        raw: undefined,
        storage,
        config,
        applied: 0,
        confState: emptyConfState,
        appends: [],
        applies: [],
      };
      this.#nodes.push(node);
      if (!bootstrap && id <= members) {
        storage.applySnapshot({ data: none, metadata: { confState, index: 2, term: 1 } });
        node.applied = 2;
        node.confState = confState;
      }
      this.#start(node);
      if (bootstrap && id <= members) node.raw.bootstrap(peers);
    }
  }

  run(steps) {
    try {
      for (let i = 0; i < steps; i++) this.#step();
    } catch (error) {
      this.panicked = true;
      this.why = error;
      this.#line('panic');
    }
  }

  #line(text) {
    this.#show?.(text);
    let { hash } = this;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
    this.hash = hash >>> 0;
  }

  #start(node) {
    node.raw = new RawNode({ ...node.config, applied: node.applied });
  }

  #step() {
    const r = this.#random;
    const kind = r.below(100);
    let n = this.#nodes[r.below(this.#nodes.length)];
    if (kind < 20) {
      this.#line(`tick ${n.id}`);
      n.raw.tick();
    } else if (kind < 55) {
      n = this.#deliver();
      if (n === undefined) return;
    } else if (kind < 74) this.#ready(n);
    else if (kind < 79) n.config.asyncStorageWrites ? this.#append(n) : this.#ready(n);
    else if (kind < 83) n.config.asyncStorageWrites ? this.#apply(n) : this.#ready(n);
    else if (kind < 89) this.#propose(n);
    else if (kind < 91) this.#confChange(n);
    else if (kind < 93) {
      this.#reads++;
      if (this.#hastyReader(n)) return;
      this.#line(`read ${n.id} ${this.#reads}`);
      n.raw.readIndex(utf8(String(this.#reads)));
    } else if (kind < 94) {
      const to = 1 + r.below(this.#nodes.length);
      this.#line(`transfer ${n.id} to ${to}`);
      n.raw.transferLeader(BigInt(to));
    } else if (kind < 95) this.#rare(n);
    else if (kind < 96) this.#restart(n);
    else if (kind < 97) this.#compact(n);
    else if (kind < 98) {
      if (r.below(3) === 0 && !this.#isolated.delete(n.id)) this.#isolated.add(n.id);
      this.#line(`isolated ${n.id} ${this.#isolated.has(n.id)}`);
    } else if (kind < 99) {
      this.#isolated.clear();
      this.#line('healed');
      this.#settle(1 + r.below(8));
    } else {
      this.#line(`timeout ${n.id}`);
      for (let i = 0; i < 2 * n.config.electionTicks; i++) {
        n.raw.tick();
        if (n.raw.hasReady()) this.#ready(n);
      }
    }
    this.#status(n);
  }

  #settle(rounds) {
    for (; rounds > 0; rounds--) {
      for (const n of this.#nodes) {
        this.#ready(n);
        while (n.appends.length > 0) this.#append(n);
        while (n.applies.length > 0) this.#apply(n);
      }
      for (let count = this.#net.length; count > 0; count--) this.#deliver();
    }
  }

  #send(message) {
    if (this.#net.length >= 100) this.#take(this.#random.below(this.#net.length));
    this.#net.push(message);
  }

  #take(at) {
    const message = this.#net[at];
    this.#net[at] = this.#net[this.#net.length - 1];
    this.#net.pop();
    return message;
  }

  #deliver() {
    const r = this.#random;
    if (this.#net.length === 0) return undefined;
    let at = r.below(this.#net.length);
    if (r.below(2) === 0) at = r.below(1 + (this.#net.length >> 2));
    const fate = r.below(24);
    const m = fate === 0 ? this.#net[at] : this.#take(at);
    if (fate === 1 || this.#isolated.has(Number(m.from)) || this.#isolated.has(Number(m.to))) {
      this.#line(`lost ${describeMessage(m)}`);
      return undefined;
    }
    const n = this.#nodes[Number(m.to) - 1];
    if (m.type === messageType.snap) while (n.applies.length > 0) this.#apply(n);
    if (m.type === messageType.readIndex && this.#hastyReader(n)) return undefined;
    this.#line(`deliver ${describeMessage(m)} context=${Buffer.from(m.context ?? none).toString('hex')}`);
    const refused = n.raw.step(m);
    if (refused !== undefined) this.#line(`error ${refusals[refused]}`);
    return n;
  }

  #ready(n) {
    const has = n.raw.hasReady();
    this.#line(`ready ${n.id} ${has}`);
    if (!has) return;
    const ready = n.raw.ready();
    this.#line(describeReady(ready));
    if (!n.config.asyncStorageWrites) this.#store(n, ready.hardState, ready.entries, ready.snapshot);
    for (const m of ready.messages) {
      if (m.to === localAppendThread) n.appends.push(m);
      else if (m.to === localApplyThread) n.applies.push(m);
      else this.#send(m);
    }
    if (!n.config.asyncStorageWrites) {
      this.#applyAll(n, ready.committedEntries);
      n.raw.advance();
    }
  }

  #store(n, hardState, entries, snapshot) {
    if (hardState !== undefined) n.storage.setHardState(hardState);
    if (snapshot !== undefined) {
      n.storage.applySnapshot(snapshot);
      n.applied = snapshot.metadata.index;
      n.confState = snapshot.metadata.confState;
    }
    n.storage.append(entries);
  }

  #applyAll(n, entries) {
    for (const entry of entries) {
      if (entry.index <= n.applied) continue;
      n.applied = entry.index;
      if (entry.type !== entryType.normal) n.confState = n.raw.applyConfChange(decodeConfChange(entry));
    }
  }

  #append(n) {
    this.#line(`append ${n.id} ${n.appends.length}`);
    const m = n.appends.shift();
    if (m === undefined) return;
    const { term, vote, commit } = m;
    this.#store(
      n,
      term === 0 && vote === 0n && commit === 0 ? undefined : { term, vote, commit },
      m.entries,
      m.snapshot,
    );
    this.#respond(n, m);
  }

  #apply(n) {
    this.#line(`apply ${n.id} ${n.applies.length}`);
    const m = n.applies.shift();
    if (m === undefined) return;
    this.#applyAll(n, m.entries);
    this.#respond(n, m);
  }

  #respond(n, m) {
    for (const response of m.responses) {
      if (response.to !== n.config.id) {
        this.#send(response);
        continue;
      }
      const refused = n.raw.step(response);
      if (refused !== undefined) this.#line(`error ${refusals[refused]}`);
    }
  }

  #propose(n) {
    const r = this.#random;
    const count = 1 + r.below(4);
    const payloads = [];
    for (let i = 0; i < count; i++) payloads.push(utf8(String.fromCharCode(97 + r.below(26)).repeat(1 + r.below(40))));
    const refused = n.raw.propose(payloads);
    this.#line(`propose ${n.id} ${count} ${said(refused)}`);
  }

  #confChange(n) {
    const r = this.#random;
    const form = r.below(4);
    const count = form > 1 ? r.below(4) : 1;
    const changes = [];
    const { addNode, removeNode, updateNode, addLearnerNode } = confChangeType;
    for (let i = 0; i < count; i++) {
      let type = [addNode, removeNode, updateNode, addLearnerNode][r.below(4)];
      const id = 1 + r.below(this.#nodes.length);
      if (id === this.#keeper) type = addNode;
      changes.push({ type, nodeId: BigInt(id) });
    }
    if (!this.#confChanges) return;
    let refused;
    if (form === 0) refused = n.raw.proposeConfChange({ id: 0n, ...changes[0], context: undefined });
    else {
      const { auto, jointImplicit, jointExplicit } = confChangeTransition;
      let transition = [auto, jointImplicit, jointExplicit][r.below(3)];
      if (count === 0) transition = auto;
      refused = n.raw.proposeConfChange({ transition, changes, context: undefined });
    }
    this.#line(`change ${n.id} ${describeChanges(changes)} ${said(refused)}`);
  }

  #rare(n) {
    const r = this.#random;
    const other = 1 + r.below(this.#nodes.length);
    switch (r.below(5)) {
      case 0:
        this.#line(`forget ${n.id} ${said(n.raw.forgetLeader())}`);
        break;
      case 1:
        this.#line(`campaign ${n.id} ${said(n.raw.campaign())}`);
        break;
      case 2:
        this.#line(`unreachable ${n.id} ${other}`);
        n.raw.reportUnreachable(BigInt(other));
        break;
      case 3:
        this.#line(`snapshot finished ${n.id} ${other}`);
        n.raw.reportSnapshot(BigInt(other), 'finished');
        break;
      default:
        this.#line(`snapshot failed ${n.id} ${other}`);
        n.raw.reportSnapshot(BigInt(other), 'failed');
    }
  }

  /** See world.go: there the two differ, and ours is right. */
  #hastyReader(n) {
    const { configuration, softState } = n.raw.status();
    return softState.role === 'leader' && configuration.voters.length === 1 && configuration.outgoing.length === 0;
  }

  #restart(n) {
    const { metadata } = n.storage.snapshot();
    if (this.#random.below(2) === 0 && this.#canSnapshot(n)) {
      n.storage.createSnapshot(n.applied, n.confState, none);
    } else {
      n.applied = metadata.index;
      n.confState = metadata.confState;
    }
    n.appends = [];
    n.applies = [];
    this.#line(`restart ${n.id} applied=${n.applied}`);
    this.#start(n);
  }

  #canSnapshot(n) {
    const commit = n.storage.initialState().hardState?.commit ?? 0;
    return n.applied > n.storage.snapshot().metadata.index && n.applied <= commit;
  }

  #compact(n) {
    const first = n.storage.firstIndex();
    const keep = this.#random.below(4);
    if (this.#canSnapshot(n)) n.storage.createSnapshot(n.applied, n.confState, none);
    const { index } = n.storage.snapshot().metadata;
    if (index >= first + keep) n.storage.compact(index - keep);
    this.#line(`compact ${n.id} first=${n.storage.firstIndex()}`);
  }

  #status(n) {
    checkInvariants(n.raw.raft);
    const { softState, hardState, applied, leadTransferee, configuration, progress } = n.raw.status();
    // Go's status forgets autoLeave, though its node does not; what comes of it is seen in the messages.
    const config = describeConfiguration({ ...configuration, autoLeave: false });
    const members = progress.map(({ id, text }) => ` ${id}: ${text}`).join('');
    this.#line(
      `status ${n.id} ${describeRole(softState.role)} lead=${softState.lead} term=${hardState.term} vote=${hardState.vote} commit=${hardState.commit} applied=${applied} transferee=${leadTransferee} ${config}${members}`,
    );
  }
}
