import type { Emit } from '../events.ts'
import { optionError } from '../options/option-error.ts'
import type { Settings } from '../options/options.ts'
import { IssuerLookup } from './issuer-lookup.ts'
import type { IssuerSource } from './issuer-source.ts'
import type { RemoteTiming } from './remote-keys.ts'
import { createTrustedIssuer, type TrustedIssuer } from './trusted-issuer.ts'

export interface TrustedIssuersParts extends Pick<Settings, 'issuers' | 'trustedIssuers' | 'findTrustedIssuer'> {
  readonly clockToleranceSeconds: number
  readonly emit: Emit
  readonly log: { warn(message: string): void }
  /** Only for tests. */
  readonly timing?: RemoteTiming
}

/**
 * The trusted issuers of the option: a list, or a function that finds them.
 * @throws TypeError that names the option
 */
export function createTrustedIssuers(parts: TrustedIssuersParts): IssuerSource {
  const { issuers, findTrustedIssuer, clockToleranceSeconds, emit, log, timing = {} } = parts
  if (findTrustedIssuer === null) return createListedIssuers(parts)
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

function createListedIssuers(parts: TrustedIssuersParts): IssuerSource {
  const { issuers, trustedIssuers, clockToleranceSeconds, log, timing = {} } = parts
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
    isEmpty: listed.size === 0,
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
