/** A process of `main.go`: a peer made of etcd's own rafthttp. */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export class GoPeer {
  /** Messages that came, as hex; and everything else that was told. */
  received = [];
  told = [];
  log = '';
  #process;
  #url;

  constructor(binary, work, id, cluster) {
    this.dir = mkdtempSync(join(work, 'go-'));
    this.#process = spawn(binary, [id.toString(16), cluster.toString(16), this.dir], { stdio: 'pipe' });
    this.#process.stderr.on('data', (chunk) => {
      this.log += chunk;
    });
    this.#url = new Promise((resolve) => {
      createInterface({ input: this.#process.stdout }).on('line', (line) => {
        const [word, rest] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)];
        if (word === 'url') resolve(rest);
        else if (word === 'received') this.received.push(rest);
        else this.told.push(line);
      });
    });
  }

  url() {
    return this.#url;
  }

  tell(...words) {
    this.#process.stdin.write(`${words.join(' ')}\n`);
  }

  stop() {
    this.#process.kill('SIGKILL');
  }
}
