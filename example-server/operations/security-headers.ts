import type { FastifyHelmetOptions } from '@fastify/helmet'
import type { Config } from '../config/config.ts'

const self = ["'self'"]
const none = ["'none'"]

/**
 * Same-origin resources only, no inline code. Framing by ourselves is allowed: a lesson posts a forged form in a
 * frame and reads the refusal. Swagger UI needs `data:` images.
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
    // In development it would force the browser to use https for every server on localhost.
    hsts: production && { maxAge: 365 * 24 * 3600 }
  }
}

/** The style that Swagger UI adds by script. If an update changes it, the browser's console shows the new hash. */
const docsStyle = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"

/** The policy of `/docs`: the same, and this one inline style. */
export function allowDocsStyle(policy: string): string {
  return policy.replace("style-src 'self'", `style-src 'self' ${docsStyle}`)
}
