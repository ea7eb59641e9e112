import type { Results } from '../results.ts'

/** The limits of the figures, and how they were measured. */
export function describeMethod({ effort, date, node, platform, cores, processor, versions }: Results): string {
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const machine = `${platform}, ${cores} cores of ${processor}`
  return `## Limits

- Measured on ${date}, with Node ${node}, ${machine} (${effort.name} run).
  Absolute times are those of this machine; ratios carry over better.
- Two runs of the same program differ by a few per cent, because the JIT compiler decides differently. The quartiles
  are those of the bursts within one run.
- The libraries do not do the same work. The JWT libraries check signature, algorithm, issuer, audience and expiry, and
  do not support sign-out. The figures of Express, Koa and Hono include the framework; the bare route is Fastify's. The
  session libraries of the first table keep sessions in the memory of one process, or entirely in the cookie.
- JWT libraries that accept a key object receive one, because a secret as text costs them far more.
- Libraries: ${libraries.join(', ')}.

## How it was measured

\`npm run bench\` measures everything and saves it in \`bench/results.json\`, from which \`npm run bench:report\` makes
this page. \`npm run bench -- --quick\` takes about 80 s, and prints its figures and what it leaves out. Its bursts are
few and short, so that ratios differ by several per cent from run to run: only the full run decides whether a goal is
met.

All servers of a table run at the same time, each in its own process, in production mode and without a loader. One
client process sends requests to each in turn, over 10 connections with 10 pipelined requests each. A route responds
with \`{ "sub": "alice" }\`, and all tokens have the same claims. Unless a row says otherwise, "seen before" means one
of 100 tokens of 100 users, and "not seen before" a token that is not in the cache.

The figure is the CPU time of the server's process per request, all its threads included. It is measured in short
bursts. Each burst is compared with the bursts of its reference directly before and after it, which receives the same
bytes. The ratio is the median of these ratios: on a noisy machine, ratios are stable where times are not. It is not
the quotient of the two times beside it, because each time is a median by itself.

The databases are private ones on the same machine, and confirm a write after it is on disk: SQLite with
\`synchronous = FULL\` in WAL mode, Redis with \`appendfsync always\`, PostgreSQL with its defaults. \`retrySeconds\` is
0 where refreshes are measured, because a second refresh within ten seconds would not rotate otherwise.

Two settings apply to all measured processes, because without them some would be affected and others not:

- \`--no-memory-reducer\`: V8 would otherwise collect garbage while a process waits for its turn, which a server under
  load never does.
- One tick object of Node is kept alive: without one, a full garbage collection drops the object's hidden class, and
  every later request costs more.`
}
