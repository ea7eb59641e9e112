import type { Emit } from '../events.ts'
import { optionError } from '../options/option-error.ts'
import type { Settings } from '../options/options.ts'
import type { FindTrustedIssuer } from '../options/trusted-issuers.ts'
import type { IssuerSource } from './issuer-source.ts'
import type { RemoteTiming } from './remote-keys.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

export interface TrustedIssuersParts extends Pick<Settings, 'issuers' | 'trustedIssuers' | 'findTrustedIssuer'> {
  readonly clockToleranceSeconds: number
  readonly emit: Emit
  readonly log: { warn(message: string): void }
  /** Only for tests. */
  readonly timing?: RemoteTiming
}

/** Without the option. */
export const noTrustedIssuers: IssuerSource = {
  isEmpty: true,
  names: [],
  asks: false,
  isKnown: () => false,
  find: async () => null
}

/**
 * The trusted issuers of the option: a list, or a function that finds them. Without the option, nothing that they need
 * is loaded.
 * @throws TypeError that names the option
 */
export async function createTrustedIssuers(parts: TrustedIssuersParts): Promise<IssuerSource> {
  if (parts.findTrustedIssuer !== null) return await createFoundIssuers(parts, parts.findTrustedIssuer)
  return parts.trustedIssuers.length === 0 ? noTrustedIssuers : await createListedIssuers(parts)
}

async function createFoundIssuers(
  { issuers, clockToleranceSeconds, emit, log, timing = {} }: TrustedIssuersParts,
  findTrustedIssuer: FindTrustedIssuer
): Promise<IssuerSource> {
  const [{ IssuerLookup }, { createTrustedIssuer }] = await Promise.all([
    import('./issuer-lookup.ts'),
    import('./trusted-issuer.ts')
  ])
  return new IssuerLookup({
    findTrustedIssuer,
    issuers,
    emit,
    create(option, previous) {
      if (previous === undefined && option.allowInsecureRequests) warnOfPlainHttp(log, [option.issuer])
      return createTrustedIssuer(option, { name: 'trustedIssuers()', clockToleranceSeconds, timing, previous })
    },
    ...timing
  })
}

async function createListedIssuers({
  issuers,
  trustedIssuers,
  clockToleranceSeconds,
  log,
  timing = {}
}: TrustedIssuersParts): Promise<IssuerSource> {
  const { createTrustedIssuer } = await import('./trusted-issuer.ts')
  const names = [...issuers, ...trustedIssuers.map((option) => option.issuer)]
  const repeated = trustedIssuers.findIndex((option, index) => names.indexOf(option.issuer) !== index + issuers.length)
  if (repeated >= 0) throw optionError(`trustedIssuers.${repeated}.issuer`, 'must be unique and differ from "issuer"')
  const insecure = trustedIssuers.filter((option) => option.allowInsecureRequests).map((option) => option.issuer)
  if (insecure.length > 0) warnOfPlainHttp(log, insecure)
  const listed = new Map<unknown, TrustedIssuer>(
    trustedIssuers.map((option, index) => [
      option.issuer,
      createTrustedIssuer(option, { name: `trustedIssuers.${index}`, clockToleranceSeconds, timing })
    ])
  )
  return {
    isEmpty: false,
    names: trustedIssuers.map((option) => option.issuer),
    asks: false,
    isKnown: (iss) => listed.has(iss),
    async find(iss) {
      const issuer = listed.get(iss)
      return issuer === undefined ? null : { issuer, recheckMs: () => Infinity }
    }
  }
}

function warnOfPlainHttp(log: TrustedIssuersParts['log'], issuers: readonly string[]): void {
  log.warn(
    `The keys of ${issuers.join(', ')} may be fetched over plain http ("allowInsecureRequests"): ` +
      'anyone on the network between can replace them'
  )
}
