import t from 'tap'
import { createSessionLimits, type SessionLimitsInput } from '../../plugin/sessions/session-limits.ts'

const hour = 3600
const limitsOf = createSessionLimits({
  accessToken: { lifetimeSeconds: 600 },
  refreshToken: { idleSeconds: 24 * hour, absoluteSeconds: 100 * hour, retrySeconds: 10 }
} as Parameters<typeof createSessionLimits>[0])

t.test('limitsOf() shortens what the options say, and never extends it', async (t) => {
  const rows: [input: SessionLimitsInput, idleLimitSeconds: number | null, absoluteSeconds: number][] = [
    [{}, null, 100 * hour],
    [{ idleSeconds: hour }, hour, 100 * hour],
    [{ idleSeconds: 24 * hour }, 24 * hour, 100 * hour],
    [{ idleSeconds: 611 }, 611, 100 * hour],
    [{ absoluteSeconds: 100 * hour }, null, 100 * hour],
    [{ absoluteSeconds: hour }, null, hour],
    [{ absoluteSeconds: 1 }, null, 1],
    [{ idleSeconds: hour, absoluteSeconds: hour }, hour, hour]
  ]
  for (const [input, idle, absolute] of rows) {
    t.strictSame(
      limitsOf(input),
      { idleMs: 24 * hour * 1000, idleLimitMs: idle === null ? null : idle * 1000, absoluteMs: absolute * 1000 },
      JSON.stringify(input)
    )
  }
})

t.test('limitsOf() refuses every other value, and names what limits it', async (t) => {
  const rows: [input: Record<string, unknown>, message: string][] = [
    [{ idleSeconds: 86401 }, '"idleSeconds" must be <= "refreshToken.idleSeconds" (86400): received 86401'],
    [
      { idleSeconds: 610 },
      '"idleSeconds" must be > "accessToken.lifetimeSeconds" + "refreshToken.retrySeconds" (610): received 610'
    ],
    [{ idleSeconds: 7200, absoluteSeconds: 3600 }, '"idleSeconds" must be <= "absoluteSeconds" (3600): received 7200'],
    [
      { absoluteSeconds: 360_001 },
      '"absoluteSeconds" must be <= "refreshToken.absoluteSeconds" (360000): received 360001'
    ],
    ...[0, -1, 1.5, NaN, Infinity, '3600', null, true, 2 ** 53].flatMap((value): typeof rows =>
      ['idleSeconds', 'absoluteSeconds'].map((name) => [
        { [name]: value },
        `"${name}" must be a whole number of seconds, at least 1: received ${value}`
      ])
    )
  ]
  for (const [input, message] of rows) t.throws(() => limitsOf(input), new TypeError(message), JSON.stringify(input))
})
