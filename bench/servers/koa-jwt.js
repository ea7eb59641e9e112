import { createSecretKey } from 'node:crypto'
import Koa from 'koa'
import jwt from 'koa-jwt'
import { announce } from './announce.js'
import { input } from '../input.js'

const { issuer, audience } = input
// Given a string, the library tries to parse a public key first, which takes half a millisecond per request.
const secret = createSecretKey(Buffer.from(input.secret))
const app = new Koa()
app.use(jwt({ secret, issuer, audience, algorithms: ['HS256'] }))
app.use(async (context) => {
  if (context.path === '/me') context.body = { sub: context.state.user.sub }
})
const server = app.listen(0, '127.0.0.1', () => announce(server))
