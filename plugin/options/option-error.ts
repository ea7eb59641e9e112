/** Reports a wrong option, always in the same form: registering fails, and the message names the option. */
export function optionError(name: string, problem: string): TypeError {
  return new TypeError(`Cannot register fastify-authenticate: "${name}" ${problem}`)
}
