const pemText = /^-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----$/

/**
 * Restores PEM text (RFC 7468) that an environment variable has changed: line breaks that were written as `\n` or lost,
 * or base64 of the whole text. Returns any other text unchanged.
 */
export function restorePem(text: string): string {
  const decoded = text.includes('-----BEGIN') ? text : decodeBase64(text)
  const lines = decoded.replace(/\\r|\\n/g, (literal) => (literal === '\\n' ? '\n' : '')).trim()
  const [, label, body] = pemText.exec(lines) ?? []
  if (label === undefined || body === undefined) return text
  const wrapped = body.replace(/\s/g, '').replace(/.{64}/g, '$&\n')
  return `-----BEGIN ${label}-----\n${wrapped.trimEnd()}\n-----END ${label}-----\n`
}

function decodeBase64(text: string): string {
  const decoded = Buffer.from(text, 'base64').toString('latin1')
  return decoded.startsWith('-----BEGIN') ? decoded : text
}
