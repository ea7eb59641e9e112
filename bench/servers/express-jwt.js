import { createSecretKey } from 'node:crypto'
import express from 'express'
import { expressjwt } from 'express-jwt'
import { announce } from './announce.js'
import { given } from '../given.js'

const { issuer, audience } = given
// As text, each request would have it tried as a public key first, for half a millisecond.
const secret = createSecretKey(Buffer.from(given.secret))
const app = express()
app.get('/me', expressjwt({ secret, issuer, audience, algorithms: ['HS256'] }), (request, response) => {
  response.json({ sub: request.auth.sub })
})
const server = app.listen(0, '127.0.0.1', () => announce(server))
