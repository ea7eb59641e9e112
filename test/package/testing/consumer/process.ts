// Run as a process of its own, which must end by itself.
import { createTestAuth } from 'fastify-authenticate/testing'
import { createApp } from './app.js'

const auth = createTestAuth()
const trustedIssuers = [auth.issuer('https://login.example.com').trust({ audience: 'https://notes.example.com' })]
const app = await createApp({ ...auth.options, trustedIssuers })
const headers = await auth.as('alice', { claims: { roles: [], tenant: 'acme' } })
const { statusCode } = await app.inject({ url: '/me', headers })
if (process.argv[2] === 'close') await app.close()
console.log(statusCode)
