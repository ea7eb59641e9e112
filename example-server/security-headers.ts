import type { FastifyHelmetOptions } from '@fastify/helmet'
import type { Config } from './config.ts'

const self = ["'self'"]
const none = ["'none'"]

/**
 * Nothing from elsewhere, nothing inline, in nobody's frame but our own: there the page's workshop has a form posted that
 * is refused, and reads why. Swagger UI lives with that, but for its `data:` images.
 */
export function securityHeaders({ production }: Pick<Config, 'production'>): FastifyHelmetOptions {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: none,
        scriptSrc: self,
        styleSrc: self,
        fontSrc: self,
        imgSrc: ["'self'", 'data:'],
        connectSrc: self,
        manifestSrc: self,
        baseUri: none,
        formAction: self,
        frameSrc: self,
        frameAncestors: self
      }
    },
    // Outside production it would bind the browser's whole localhost to https.
    hsts: production && { maxAge: 365 * 24 * 3600 }
  }
}
