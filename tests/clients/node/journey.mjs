// Steps, counted; each failure is told with what the server said. What a client's journey is written in.

import { deflateSync } from 'node:zlib';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** A step needs what an earlier one should have made. */
export class Blocked extends Error {}

/** What steps hand on to later ones: reading what no step left there blocks the step. */
export function kept() {
  return new Proxy({}, {
    get(target, name) {
      if (name in target) return target[name];
      throw new Blocked(`needs '${String(name)}', which an earlier step did not get`);
    },
  });
}

/** The options of the command line, each a text. */
export function options(...names) {
  const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) });
  for (const name of names) {
    if (values[name] === undefined) throw new Error(`--${name} is missing`);
  }
  return values;
}

/** Runs steps one after another. A failed step is told and counted, and the next one begins. */
export class Journey {
  passed = 0;
  failed = 0;

  async step(name, work) {
    try {
      await limited(work(), 30_000);
      this.passed += 1;
    } catch (error) {
      this.failed += 1;
      const line = /journey_\w+\.mjs:(\d+)/.exec(error.stack ?? '')?.[1];
      console.log(`FAILED: ${name}${line ? ` (line ${line})` : ''}`);
      console.log(`    ${error.name}: ${told(error).slice(0, 1500)}`);
    }
  }

  /** The closing line; ends the process. */
  finish() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exit(this.failed || !this.passed ? 1 : 0);
  }
}

function told(error) {
  const parts = [error.message];
  if (error.statusCode) parts.push(`status ${error.statusCode}`);
  if (error.config?.url) parts.push(`${error.config.method} ${error.config.url}`);
  if (error.response) parts.push(`answered ${error.response.status} ${JSON.stringify(error.response.data)}`);
  const cause = error.cause;
  if (cause?.url) parts.push(`at ${cause.url} (${cause.status})`);
  else if (cause) parts.push(String(cause.message ?? cause));
  return parts.join('; ');
}

async function limited(work, milliseconds) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function assert(condition, what) {
  if (!condition) throw new Error(what);
}

/** Fails unless equal, with both told. */
export function same(got, wanted) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
}

export function within(item, list) {
  if (!list.includes(item)) throw new Error(`${JSON.stringify(item)} is not in ${JSON.stringify(list)}`);
}

export function absent(item, list) {
  if (list.includes(item)) throw new Error(`${JSON.stringify(item)} is in ${JSON.stringify(list)}`);
}

export const ids = (list) => list.map((item) => item.id);

/** Fails unless the call is refused with one of these statuses. */
export async function refused(statuses, call) {
  let result;
  try {
    result = await call();
  } catch (error) {
    const status = error.statusCode ?? error.response?.status;
    if (status === undefined) throw error;
    within(status, [statuses].flat());
    return;
  }
  throw new Error(`was not refused, but gave ${JSON.stringify(result)?.slice(0, 300)}`);
}

/** The first truthy value of `check()`: fan-out may happen in the background. */
export async function eventually(what, check, seconds = 8) {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > until) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(100);
  }
}

/** A PNG with a gradient. */
export function png(width = 64, height = 48, seed = 0) {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * (width * 3 + 1) + 1 + x * 3;
      rows.set([(x * 4 + seed) % 256, (y * 5) % 256, (x + y) % 256], at);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const whole = Buffer.alloc(body.length + 8);
    whole.writeUInt32BE(data.length, 0);
    body.copy(whole, 4);
    whole.writeUInt32BE(crc(body), body.length + 4);
    return whole;
  };
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function crc(bytes) {
  let value = ~0;
  for (const byte of bytes) {
    value ^= byte;
    for (let n = 0; n < 8; n += 1) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}
