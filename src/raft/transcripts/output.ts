/** What a transcript command prints: its own lines, and the nodes' log lines as far as the level lets them. */
import type { Logger } from '../logger.js';

const levels: readonly string[] = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'];

export class Output implements Logger {
  text = '';
  /** Position in `levels`. */
  level = 0;

  get quiet(): boolean {
    return this.level === levels.length - 1;
  }

  clear(): void {
    this.text = '';
  }

  write(text: string): void {
    if (!this.quiet) this.text += text;
  }

  /** Why the name is refused, if it is. */
  setLevel(name: string): string | undefined {
    const level = levels.indexOf(name.toUpperCase());
    if (level < 0) return `log levels must be either of [${levels.join(' ')}]`;
    this.level = level;
    return undefined;
  }

  /** Whatever `act` prints is moved in by two. */
  indented(act: () => void): void {
    const before = this.text;
    this.text = '';
    act();
    const lines = this.text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    this.text = before + lines.map((line) => `  ${line}\n`).join('');
  }

  debug(text: string): void {
    this.#log(0, text);
  }

  info(text: string): void {
    this.#log(1, text);
  }

  warning(text: string): void {
    this.#log(2, text);
  }

  error(text: string): void {
    this.#log(3, text);
  }

  #log(level: number, text: string): void {
    if (this.level <= level) this.write(`${levels[level]} ${text}\n`);
  }
}
