/** What went wrong in a suite, by its own output: it is said again where the output ends, for the ends of long logs are what is read. */
import { createInterface } from 'node:readline';

/** Such a line tells of a problem, and so do the deeper lines after it. */
const tells = /\b(WRONG|FAILED|DIFFERENCE|differs)\b|Error\b|^(panic|fatal error):/;
const depthOf = (line) => line.search(/\S|$/);
/** What is said of a program that names no problem. */
const tailLines = 6;

/**
 * Passes on to `say` what a child says, line by line; the child's `stdout` and `stderr` are pipes.
 * Resolves when it has ended, and all it said has been passed on, to how it ended and the lines that tell of problems.
 */
export function follow(child, say = console.log) {
  const problems = [];
  const tail = [];
  for (const stream of [child.stdout, child.stderr]) {
    let depth = Number.POSITIVE_INFINITY;
    createInterface({ input: stream }).on('line', (line) => {
      say(line);
      if (tells.test(line)) depth = Math.min(depth, depthOf(line));
      else if (depthOf(line) <= depth) depth = Number.POSITIVE_INFINITY;
      if (depth < Number.POSITIVE_INFINITY) problems.push(line);
      if (line !== '') tail.push(line);
      if (tail.length > tailLines) tail.shift();
    });
  }
  return new Promise((resolve) => {
    const ended = (code, signal) => resolve({ code, signal, problems: problems.length > 0 ? problems : tail });
    child.on('error', (error) => resolve({ code: 1, signal: null, problems: [String(error)] }));
    child.on('close', ended);
    // What the child has left behind may keep its pipes open.
    child.on('exit', (code, signal) => setTimeout(ended, 5000, code, signal).unref());
  });
}
