// Compiled, never run: what a test may say, and what must not compile.
import { createTestAuth } from 'fastify-authenticate/testing'
import { createApp } from './app.js'

const auth = createTestAuth()
const claims = { roles: [], tenant: 'acme' }

export async function right() {
  await createApp(auth.options)
  const headers: Record<string, string> = await auth.as('alice', { claims })
  await auth.as('alice', { roles: ['admin'], claims: { tenant: 'acme' } })
  await auth.as('alice', { claims, scope: 'notes:read', transport: 'cookie', crossSite: true, acr: 'mfa' })
  auth.clock.advance(1.5)
  const types: string[] = auth.events.map(({ type }) => type)
  return { headers, types }
}

export async function wrong() {
  // @ts-expect-error: the application requires claims
  await auth.as('alice')
  // @ts-expect-error: the application requires claims
  await auth.as('alice', { scope: 'notes:read' })
  // @ts-expect-error: `tenant` is missing
  await auth.as('alice', { claims: { roles: [] } })
  // @ts-expect-error: `tenant` is missing
  await auth.as('alice', { roles: [] })
  // @ts-expect-error: `roles` is given twice
  await auth.as('alice', { roles: ['admin'], claims: { roles: [], tenant: 'acme' } })
  // @ts-expect-error: `roles` is a list
  await auth.as('alice', { roles: 'admin', claims: { tenant: 'acme' } })
  // @ts-expect-error: `tenant` is a string
  await auth.as('alice', { claims: { roles: [], tenant: 1 } })
  // @ts-expect-error: the application does not have this claim
  await auth.as('alice', { claims: { ...claims, tennant: 'acme' } })
  // @ts-expect-error: `scope` is a string
  await auth.as('alice', { claims, scope: ['notes:read'] })
  // @ts-expect-error: not a member
  await auth.as('alice', { claims, scopes: 'notes:read' })
  // @ts-expect-error: not a transport
  await auth.as('alice', { claims, transport: 'header' })
  // @ts-expect-error: not a way to spoil a token
  await auth.spoiltToken('old', { claims })
  // @ts-expect-error: an issuer is trusted for an audience
  auth.issuer('https://login.example.com').trust({})
  // @ts-expect-error: seconds
  auth.clock.advance('60')
  // @ts-expect-error: the list can be emptied, not replaced
  auth.events = []
}
