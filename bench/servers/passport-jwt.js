import { createSecretKey } from 'node:crypto'
import express from 'express'
import passport from 'passport'
import { ExtractJwt, Strategy } from 'passport-jwt'
import { announce } from './announce.js'
import { input } from '../input.js'

const { issuer, audience } = input
// Given a string, the library tries to parse a public key first, which takes half a millisecond per request.
const secret = createSecretKey(Buffer.from(input.secret))
const jwtFromRequest = ExtractJwt.fromAuthHeaderAsBearerToken()
passport.use(
  new Strategy({ secretOrKey: secret, jwtFromRequest, issuer, audience, algorithms: ['HS256'] }, (claims, done) =>
    done(null, claims)
  )
)
const app = express()
app.get('/me', passport.authenticate('jwt', { session: false }), (request, response) => {
  response.json({ sub: request.user.sub })
})
const server = app.listen(0, '127.0.0.1', () => announce(server))
