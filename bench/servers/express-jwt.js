import { createSecretKey } from 'node:crypto'
import express from 'express'
import { expressjwt } from 'express-jwt'
import { announce } from './announce.js'
import { input } from '../input.js'

const { issuer, audience } = input
// Given a string, the library tries to parse a public key first, which takes half a millisecond per request.
const secret = createSecretKey(Buffer.from(input.secret))
const app = express()
app.get('/me', expressjwt({ secret, issuer, audience, algorithms: ['HS256'] }), (request, response) => {
  response.json({ sub: request.auth.sub })
})
const server = app.listen(0, '127.0.0.1', () => announce(server))
