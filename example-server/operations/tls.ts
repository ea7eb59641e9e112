import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Server } from 'node:https'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { FastifyBaseLogger } from 'fastify'
import type { TlsConfig } from '../config/tls.ts'

/** Reading two small files costs less than following every kind of symbolic link that replaces them. */
const checkMs = 2000

interface Pair {
  readonly cert: Buffer
  readonly key: Buffer
}

export interface FollowOptions {
  readonly server: Pick<Server, 'setSecureContext'>
  readonly log: Pick<FastifyBaseLogger, 'info' | 'error'>
}

export type Tls = ReturnType<typeof createTls>

/**
 * The certificate that the server presents. New connections get a renewed one without a restart, and open connections
 * stay. The files are compared by their content, so it does not matter how they are replaced: written in place,
 * renamed, or through symbolic links, as certbot and Kubernetes do.
 */
export function createTls({ certFile, keyFile, ...initial }: TlsConfig) {
  let pair: Pair = initial
  let context: SecureContext = createSecureContext(initial)
  /** What the files contained when they were last read, and whether that was taken or reported. */
  let seen = { digest: digestOf(pair), isHandled: true }

  async function read(): Promise<Pair | Error> {
    try {
      const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)])
      return { cert, key }
    } catch (error) {
      return error as Error
    }
  }

  /** @throws Error if the files are not a certificate and its key */
  function use(read: Pair | Error, server: FollowOptions['server']): void {
    if (read instanceof Error) throw read
    const renewed = createSecureContext(read)
    server.setSecureContext(read)
    context = renewed
    pair = read
  }

  /**
   * Takes new files as soon as two checks in a row have read the same: between them, a program that writes them may
   * have written one only, or a part.
   */
  async function check({ server, log }: FollowOptions): Promise<void> {
    const found = await read()
    const digest = digestOf(found)
    if (digest !== seen.digest) {
      seen = { digest, isHandled: digest === digestOf(pair) }
      return
    }
    if (seen.isHandled) return
    seen = { digest, isHandled: true }
    try {
      use(found, server)
      log.info({ certFile, validUntil: expiryOf(pair) }, 'the TLS certificate is renewed')
    } catch (err) {
      log.error({ err, certFile, keyFile }, 'the TLS files cannot be used: the former certificate stays in use')
    }
  }

  return {
    /** For `https.createServer()`. Fastify may create several servers, and hides all but the first. */
    options: {
      ...initial,
      SNICallback(_name: string, callback: (error: null, context: SecureContext) => void): void {
        callback(null, context)
      }
    },

    /** When the certificate expires. */
    expiresAt: (): Date => expiryOf(pair),

    /** Takes what {@link follow} would take at its next checks. */
    check,

    /** Checks the files again and again, and on SIGHUP. Returns a function that stops this. */
    follow(options: FollowOptions): () => void {
      let checking = Promise.resolve()
      const onTime = () => {
        checking = checking.then(async () => await check(options))
      }
      const timer = setInterval(onTime, checkMs).unref()
      process.on('SIGHUP', onTime)
      return () => {
        clearInterval(timer)
        process.off('SIGHUP', onTime)
      }
    }
  }
}

function digestOf(read: Pair | Error): string {
  if (read instanceof Error) return read.message
  return createHash('sha256').update(read.cert).update('\0').update(read.key).digest('hex')
}

function expiryOf({ cert }: Pair): Date {
  return new Date(new X509Certificate(cert).validTo)
}
