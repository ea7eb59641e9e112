import { createSecretKey } from 'node:crypto'
import Koa from 'koa'
import jwt from 'koa-jwt'
import { announce } from './announce.js'
import { given } from '../given.js'

const { issuer, audience } = given
// As text, each request would have it tried as a public key first, for half a millisecond.
const secret = createSecretKey(Buffer.from(given.secret))
const app = new Koa()
app.use(jwt({ secret, issuer, audience, algorithms: ['HS256'] }))
app.use(async (context) => {
  if (context.path === '/me') context.body = { sub: context.state.user.sub }
})
const server = app.listen(0, '127.0.0.1', () => announce(server))
