// node --import tsx test/rigs/client/compare.ts [SECONDS]: runs 8 tabs with this client and with other libraries, and
// writes the result to `comparison.json` and to docs/client.md. It takes about 10 minutes with the default of 60 s.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchBrowser } from '../../fixtures/browser.ts'
import { certify } from '../../fixtures/openssl.ts'
import { contestants, describeComparison, saveComparison, sectionOf, type Row } from './comparison.ts'
import { measure } from './measure.ts'

const seconds = Number(process.argv[2] ?? 60)
const docs = join(import.meta.dirname, '../../../docs/client.md')
const libraries = ['supertokens-website', 'axios-auth-refresh', 'axios-jwt', 'axios']

const folder = mkdtempSync(join(tmpdir(), 'compare-'))
const certified = certify(folder, 'proxy', 'DNS:localhost')
rmSync(folder, { recursive: true })
const browser = await launchBrowser()

const rows: Row[] = []
for (const { name, variant } of contestants) {
  const [tolerant, strict] = await Promise.all([
    measure(browser, { ...variant, certified, seconds }),
    measure(browser, { ...variant, isStrict: true, certified, seconds })
  ])
  console.log(name, { tolerant, strict })
  rows.push({ variant, tolerant, strict })
}
const comparison = {
  date: new Date().toISOString().slice(0, 10),
  chromium: browser.version().split('.')[0]!,
  seconds,
  versions: Object.fromEntries(libraries.map((library) => [library, versionOf(library)])),
  rows
}
await browser.close()
saveComparison(comparison)
const page = readFileSync(docs, 'utf8')
writeFileSync(
  docs,
  page.replace(sectionOf(page), () => describeComparison(comparison))
)

function versionOf(library: string): string {
  const installed = join(import.meta.dirname, '../node_modules', library, 'package.json')
  return JSON.parse(readFileSync(installed, 'utf8')).version
}
