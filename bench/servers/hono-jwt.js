import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { jwt } from 'hono/jwt'
import { announce } from './announce.js'
import { input } from '../input.js'

const { issuer, audience, secret } = input
const app = new Hono()
app.use('/me', jwt({ secret, alg: 'HS256', verification: { iss: issuer, aud: audience, typ: 'at+jwt' } }))
app.get('/me', (context) => context.json({ sub: context.get('jwtPayload').sub }))
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () => announce(server))
