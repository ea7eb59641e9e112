import type { FastifyRequest } from 'fastify'

/** Warns once, if a cookie sign-in comes over plain http: browsers drop `Secure` cookies there. */
export function createPlainHttpWarning({ secure }: { secure: boolean }) {
  let hasWarned = false

  return function warnOfPlainHttp(request: FastifyRequest): void {
    if (hasWarned || !secure || request.protocol === 'https' || isLoopback(request.hostname)) return
    hasWarned = true
    request.log.warn(
      'A cookie sign-in came over plain http, where browsers drop Secure cookies. Serve https; behind a proxy that ' +
        'does, set Fastify\'s "trustProxy"; for a test host, set the option "cookies.secure" to false'
    )
  }
}

/** Browsers keep `Secure` cookies of these hosts over plain http too (Secure Contexts §3.1). */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  )
}
