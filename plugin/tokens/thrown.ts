const wellFormedCode = /^[A-Z][A-Z\d_]{1,40}$/

/**
 * What a function of the application threw, as logs and events show it: the kind of error and its `code`, or that of
 * its cause. Its message is left out, because it may quote a key or a password.
 */
export function kindOfThrown(error: unknown): string {
  if (!(error instanceof Error)) return 'a value that is not an Error'
  const code = [error, error.cause].map(codeOf).find((found) => found !== null)
  return code === undefined ? error.constructor.name : `${error.constructor.name} (${code})`
}

const ownPrefix = /^Cannot register fastify-authenticate: /

/**
 * Why a function of the application failed, or what is wrong with its result. Our own messages are shown: they quote no
 * key.
 */
export function reasonOf(error: unknown): string {
  const isOurs = error instanceof TypeError && ownPrefix.test(error.message)
  return isOurs ? error.message.replace(ownPrefix, '') : `the function threw ${kindOfThrown(error)}`
}

function codeOf(error: unknown): string | null {
  const { code } = (error ?? {}) as NodeJS.ErrnoException
  return typeof code === 'string' && wellFormedCode.test(code) ? code : null
}
