import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Reader } from './readers.ts'
import type { Variables } from './variables.ts'

export interface TlsConfig {
  readonly certFile: string
  readonly keyFile: string
  /** What the files contained at the start. */
  readonly cert: Buffer
  readonly key: Buffer
}

interface NamedFile {
  readonly path: string
  readonly content: Buffer
}

const file: Reader<NamedFile> = {
  must: 'be a readable file',
  read(path) {
    try {
      return { path, content: readFileSync(path) }
    } catch {
      return undefined
    }
  }
}

/** `null`: http. */
export function readTls({ read, problems }: Variables): TlsConfig | null {
  const cert = read('TLS_CERT_FILE', file) ?? null
  const key = read('TLS_KEY_FILE', file) ?? null
  if (cert === null && key === null) return null
  if (cert === null || key === null) {
    const [missing, other] = cert === null ? ['TLS_CERT_FILE', 'TLS_KEY_FILE'] : ['TLS_KEY_FILE', 'TLS_CERT_FILE']
    if (!problems.some((problem) => problem.startsWith(missing))) {
      problems.push(`${missing} is required when ${other} is set`)
    }
    return null
  }
  try {
    createSecureContext({ cert: cert.content, key: key.content })
    return { certFile: cert.path, keyFile: key.path, cert: cert.content, key: key.content }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    problems.push(`TLS_CERT_FILE and TLS_KEY_FILE must be a certificate and its key in PEM (${code})`)
    return null
  }
}
