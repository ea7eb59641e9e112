import type { Finding } from './check.ts'
import { sessionOf } from './facts.ts'
import type { Facts } from './facts.ts'
import type { Call, Cookies, Operation } from './history.ts'

const shown = 14

/** The operation, the operations it contradicts, and the earlier operations on that session. */
export function describe({ operation, because = [] }: Finding, { operations, history: { faults } }: Facts): string {
  if (operation === undefined) return ''
  const zero = operations[0]?.start ?? 0
  const id = subjectOf(operation)
  const before = operations.filter((other) => subjectOf(other) === id && other.start <= operation.end).slice(-shown)
  const lines = [...new Set([...because, ...before, operation])]
    .sort((a, b) => a.start - b.start)
    .map((other) => `${other === operation ? '>' : because.includes(other) ? '!' : ' '} ${line(other, zero)}`)
  const during = faults
    .filter(({ start, end }) => start <= operation.end && end >= operation.start - 5000)
    .map(({ kind, nodes, start, end }) => `  ${span({ start, end }, zero)} (${kind}: ${String(nodes)})`)
  return [...lines, ...during].join('\n')
}

/** The session that an operation concerns, if any. */
function subjectOf({ call, outcome }: Operation): string | null {
  switch (call.do) {
    case 'sign-in':
      return outcome?.refresh ? sessionOf(outcome.refresh) : null
    case 'refresh':
    case 'sign-out':
      return sessionOf(call.token)
    case 'use':
    case 'revoke-token':
      return sessionOf(call.access)
    case 'revoke':
      return call.sessionId
    default:
      return null
  }
}

function line(operation: Operation, zero: number): string {
  const { node, call, outcome } = operation
  const start = `${span(operation, zero)} ${node} ${parts(call)} ->`
  if (outcome === null) return `${start} no response`
  const { status, code, refresh, found, sessions } = outcome
  return [start, status, code, refresh && brief(refresh), found, sessions].filter((part) => part != null).join(' ')
}

const span = ({ start, end }: { start: number; end: number }, zero: number) =>
  [start, end].map((moment) => ((moment - zero) / 1000).toFixed(3)).join('..')

function parts({ do: name, ...rest }: Call): string {
  const textOf = (value: unknown) => (isCookies(value) ? value.refresh : String(value))
  return [name, ...Object.entries(rest).map(([key, value]) => `${key}=${brief(textOf(value))}`)].join(' ')
}

const isCookies = (value: unknown): value is Cookies => typeof value === 'object' && value !== null

/** Names tokens by session and generation. */
function brief(value: string): string {
  if (value.startsWith('rt1.')) return value.split('.').slice(1, 3).join('.')
  return value.startsWith('eyJ') ? `access of ${sessionOf(value)}` : value
}
