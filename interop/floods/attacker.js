/** The attacker's process, as its parent sees it. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../../tools/run.js';

export class Attacker {
  static async start(port, kind, name) {
    const attacker = new Attacker();
    attacker.child = fork(join(root, 'interop', 'floods', 'attack.js'), [String(port), kind, name]);
    await attacker.#answer();
    return attacker;
  }

  #answer() {
    return new Promise((resolve) => this.child.once('message', resolve));
  }

  tell(word) {
    this.child.send(word);
  }

  /** Ends the attack. */
  async rest() {
    this.tell('rest');
    await this.#answer();
  }

  /** How its connections fared; it ends, and they with it. */
  async end() {
    this.tell('report');
    const report = await this.#answer();
    this.child.disconnect();
    return report;
  }
}
