import { assertKnown } from '../arguments.ts'
import { isHttpUrl } from '../options/safe-url.ts'
import { createTestIssuer, readIssuerAlgorithm, type TestIssuer } from './issuer.ts'

/** What `auth.issuer()` takes. */
export interface TestIssuerOptions {
  /** The asymmetric JWS algorithm that it signs with, such as `RS256`. Default `ES256`, whose keys are made faster. */
  readonly algorithm?: string | undefined
}

const defaultAlgorithm = 'ES256'

/**
 * The issuers of one kit, by their URLs.
 * @param now the kit's clock
 */
export function createTestIssuers(now: () => number) {
  const issuers = new Map<string, { readonly algorithm: string; readonly issuer: TestIssuer }>()

  return {
    of(url: string, options: TestIssuerOptions = {}): TestIssuer {
      assertKnown(options, ['algorithm'])
      if (typeof url !== 'string' || !isHttpUrl(url)) {
        throw new TypeError(`"url" must be the URL of an issuer, a string: received ${String(url)}`)
      }
      const known = issuers.get(url)
      const algorithm = readIssuerAlgorithm(options.algorithm ?? known?.algorithm ?? defaultAlgorithm)
      if (known !== undefined && known.algorithm !== algorithm) {
        throw new TypeError(`"algorithm" must be ${known.algorithm}, as in the first call: received ${algorithm}`)
      }
      const issuer = known?.issuer ?? createTestIssuer(url, { algorithm, now })
      issuers.set(url, { algorithm, issuer })
      return issuer
    }
  }
}
