import { createSecretKey } from 'node:crypto'
import express from 'express'
import passport from 'passport'
import { ExtractJwt, Strategy } from 'passport-jwt'
import { announce } from './announce.js'
import { given } from '../given.js'

const { issuer, audience } = given
// As text, each request would have it tried as a public key first, for half a millisecond.
const secret = createSecretKey(Buffer.from(given.secret))
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
