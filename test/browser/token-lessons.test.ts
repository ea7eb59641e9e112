// The lessons about the token itself: what it contains, how it is signed, how it is forged, when it expires.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { production } from '../fixtures/example-client.ts'
import { startServer } from '../fixtures/example-server.ts'
import { testLessons, type Reader } from '../fixtures/lessons.ts'
import { announcement, button, createVisitor, signInForm, signUp } from '../fixtures/visitor.ts'

t.setTimeout(600_000)

/** The example of jwt.io, whose secret is "your-256-bit-secret". */
const pasted =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.' +
  'SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c'

t.test('the lessons about the token', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url } = await startServer(t, { DATA_DIR: join(t.testdir(), 'data') })
  t.jobs = 3
  const testCase = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { buffered: true }, run)

  testLessons(t, {
    browser,
    url,
    stories: {
      'what-you-got': readToken,
      'how-it-is-signed': signToken,
      'forge-it': forgeToken,
      'it-expires': letTokenExpire
    }
  })

  testCase('decode a pasted token in the page, without a request, and say what is wrong with it', async (t) => {
    const { page, lesson } = await openLesson(t, 'what-you-got')
    const sent: string[] = []
    page.on('request', (request) => sent.push(request.url()))
    const paste = lesson.getByLabel('Paste any other token')
    await paste.fill(`Bearer ${pasted}`)
    await lesson.getByText('"John Doe"').waitFor()
    t.match(await lesson.locator('.member', { hasText: '"iat"' }).textContent(), /issued .*2018.*days ago/)
    t.notOk(await lesson.getByRole('button', { name: 'Send it' }).isVisible(), 'it cannot be sent')

    await lesson.getByText('Check the signature').click()
    const key = lesson.getByLabel('Secret or public key')
    await key.fill('your-256-bit-secret')
    await lesson.getByText('The signature matches').waitFor()
    await key.fill('another secret')
    await lesson.getByText('The signature does not match').waitFor()

    for (const [given, message] of [
      ['a.b', /This text has 2\./],
      ['eyJhbGciOiJkaXIifQ.a.b.c.d', /five parts: it is encrypted \(JWE, RFC 7516\)/],
      ['eyJhbGciOiJIUzI1NiJ9.e+A.x', /The payload is not base64url: character 2 is "\+"/],
      ['eyJhbGciOiJIUzI1NiJ9.aGVsbG8.x', /The payload is not JSON .* It begins with: hello/],
      ['x'.repeat(1_048_576), /This text has 1,048,576 characters/]
    ] as const) {
      await paste.fill(given)
      await lesson.getByRole('alert').filter({ hasText: message }).waitFor()
    }
    t.strictSame(sent, [])
  })

  testCase('copy the token, or say that the browser does not allow it', async (t) => {
    const { page, lesson, context } = await openLesson(t, 'what-you-got')
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await lesson.getByRole('button', { name: 'Copy the token' }).click()
    await announcement(page, 'Copied')
    t.equal(await page.evaluate('navigator.clipboard.readText()'), await lesson.locator('.jwt').innerText())
    await page.evaluate("navigator.clipboard.writeText = async () => { throw new DOMException('', 'NotAllowedError') }")
    await lesson.getByRole('button', { name: 'Copy the payload' }).click()
    await announcement(page, 'does not allow this page to copy')
  })

  testCase('open one session for a double click, and leave nothing of a user who signs out', async (t) => {
    const { page, lesson } = await openLesson(t, 'what-you-got')
    await signUp(page, 'selma')
    const logins: string[] = []
    page.on('request', (request) => {
      if (request.url().endsWith('/auth/login')) logins.push(request.method())
    })
    await lesson.getByRole('button', { name: 'Show my token' }).dblclick()
    await lesson.getByText('Your own access token').waitFor()
    t.strictSame(logins, ['POST'])
    const token = await lesson.locator('.jwt').innerText()
    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    await lesson.getByText('An example').waitFor()
    t.notMatch(await page.evaluate('document.body.textContent'), token.slice(-20))
    t.notMatch(await lesson.innerText(), 'selma')
  })

  testCase('say where a browser cannot sign, instead of failing', async (t) => {
    const { page, lesson } = await openLesson(t, 'how-it-is-signed', {
      script: "Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })"
    })
    await lesson.getByText('Your browser signs and checks only on pages that came by https').waitFor()
    await signUp(page, 'theo')
    await page.evaluate("location.hash = 'forge-it'")
    const forge = page.locator('#forge-it')
    await forge.getByRole('button', { name: 'Sign with another key' }).click()
    await forge.getByText('This page came by plain http from another machine.').waitFor()
    await forge.getByRole('button', { name: 'Say “not signed”' }).click()
    await forge.locator('.verdict', { hasText: '401, refused' }).first().waitFor()
  })

  async function openLesson(t: Test, id: string, { script = '' } = {}) {
    const { context } = await createVisitor(t, { browser, url })
    await context.addInitScript({ content: script })
    const page = await context.newPage()
    await page.goto(`${url}/#${id}`)
    const lesson = page.locator(`#${id}`)
    await page.locator(`#${id}[open]`).waitFor()
    return { context, page, lesson }
  }
})

t.test('in production, which signs no tokens for lessons', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url } = await startServer(t, {
    ...production,
    DATA_DIR: join(t.testdir(), 'data'),
    ALLOW_REGISTRATION: 'true',
    ACCESS_TOKEN_SECONDS: '4'
  })
  // The headers below are not those of sockets, so the server refuses these.
  const { context, openTab } = await createVisitor(t, { browser, url, serverStops: true })
  await context.setExtraHTTPHeaders({ 'x-forwarded-proto': 'https' })
  const page = await openTab()
  await signUp(page, 'paula')
  const open = async (id: string) => {
    await page.evaluate(`location.hash = '${id}'`)
    await page.locator(`#${id}[open]`).waitFor()
    return page.locator(`#${id}`)
  }

  const signed = await open('how-it-is-signed')
  await signed.getByRole('button', { name: 'Check my token' }).click()
  await signed.getByText('Your token says "alg": "HS256": this server signs with a secret').waitFor()

  const forge = await open('forge-it')
  await forge.getByRole('button', { name: 'Use a token for another API' }).click()
  await forge.getByText('This server runs in production. There it does not sign tokens for experiments').waitFor()
  await forge.getByRole('button', { name: 'Sign with another key' }).click()
  await forge.locator('.verdict', { hasText: '401, refused' }).first().waitFor()

  const expires = await open('it-expires')
  t.notOk(await expires.getByRole('button', { name: 'Let a token expire' }).isVisible())
  await expires.getByRole('button', { name: 'Let my token expire' }).click()
  await expires.locator('.verdict', { hasText: 'because the access token has expired' }).first().waitFor()
})

async function readToken({ t, page, visit, lesson, press, type, verdict }: Reader): Promise<void> {
  await lesson.getByText('An example').waitFor()
  await press('Show my token')
  await lesson.getByText('Your own access token').waitFor()
  const sub = lesson.locator('.member').filter({ hasText: '"sub"' })
  if (visit.by === 'mouse') {
    await sub.hover()
  } else {
    await lesson.getByRole('group', { name: 'payload as JSON' }).focus()
    while (!(await sub.evaluate((member) => member === member.ownerDocument.activeElement))) {
      await page.keyboard.press('ArrowDown')
    }
  }
  const lit = await lesson.locator('.jwt .lit').innerText()
  t.match(decodings(lit), /ub":"[\w-]{30}/, 'its text is lit')
  if (visit.by === 'mouse') await lesson.locator('.jwt .jwt-header').hover({ position: { x: 4, y: 4 } })
  else await lesson.getByRole('group', { name: 'header as text' }).focus()
  t.ok(await lesson.locator('.json.lit, .part-header .member.lit').first().isVisible(), 'and the JSON for its text')

  await press('Send it')
  t.match(await verdict('200, accepted'), /GET \/me\n/)
  await press('Edit the payload')
  await type('payload as JSON', '{"sub":"somebody","roles":["admin"]}')
  await lesson.getByText('The signature is still the old one').waitFor()
  await lesson.locator('.jwt .changed').first().waitFor()
  await press('Send it')
  t.match(await verdict('401, refused'), /because the signature does not match the changed text/)
  await type('payload as JSON', '{"sub":')
  await lesson.getByRole('alert').filter({ hasText: 'The payload is not JSON' }).waitFor()
  await press('Send it')
  await lesson.getByText('First correct the JSON above, or undo the changes.').waitFor()
  await press('Undo the changes')
  await press('Send it')
  await verdict('200, accepted')
}

/** The bytes of base64url characters, of which the first is perhaps not the first of four. */
const decodings = (text: string) =>
  [0, 1, 2, 3].map((skip) => Buffer.from(text.slice(skip), 'base64url').toString()).join()

async function signToken({ t, lesson, press, type, verdict }: Reader): Promise<void> {
  const result = lesson.locator('.hmac .verdict')
  await result.filter({ hasText: 'Accepted, because both signatures are the same.' }).waitFor()
  const signature = await lesson.getByLabel('The signature that the receiver computes').innerText()
  for (const letter of ['Change a letter of the payload', 'Change a letter of the secret']) {
    await press(letter)
    await result.filter({ hasText: /^Refused, because the signatures differ in \d+ of 43 characters\.$/ }).waitFor()
    await press('Sign again')
    await result.filter({ hasText: 'Accepted,' }).waitFor()
    await press('Start over')
    await result.filter({ hasText: 'Accepted,' }).waitFor()
  }
  await type('Secret', 'another secret')
  await result.filter({ hasText: 'Refused,' }).waitFor()
  t.not(await lesson.getByLabel('The signature that the receiver computes').innerText(), signature)

  await press('Check my token')
  const outcome = await verdict('200, accepted')
  t.match(outcome, /"alg": "EdDSA"/)
  t.match(outcome, /Your token\nThe signature matches/)
  t.match(outcome, /With one letter of the payload changed\nThe signature does not match/)
}

async function forgeToken({ t, lesson, press, verdict }: Reader): Promise<void> {
  for (const [name, refused, because, changed] of [
    ['Change the payload', '401', 'the signature does not match the changed payload', ['"roles"']],
    ['Say “not signed”', '401', 'the token says that it is not signed', ['"alg"', '"roles"', '"alg"', '"roles"']],
    ['Sign with another key', '401', 'the signature was made by another key than the server’s', ['"roles"']],
    ['Sign with the public key', '401', 'the token asks for HS256', ['"alg"', '"roles"']],
    ['Use a token for another API', '401', 'the token is for another audience ("aud")', ['"aud"']],
    ['Do what it does not allow', '403', 'the token has the scope notes:read', ['"scope"']]
  ] as const) {
    await press(name)
    const outcome = await verdict(`${refused}, refused, because ${because}`)
    t.match(outcome, refused === '401' ? 'error="invalid_token"' : 'error="insufficient_scope"', name)
    const marked = lesson.locator('.forged .member.changed .json-key:first-child')
    await marked.nth(changed.length - 1).waitFor()
    t.strictSame(await marked.allInnerTexts(), changed, name)
  }
}

async function letTokenExpire({ t, lesson, press, verdict }: Reader): Promise<void> {
  await press('Let a token expire')
  await lesson.getByRole('progressbar', { name: 'Remaining lifetime of the token' }).waitFor()
  t.match(await verdict('401, refused, because the access token has expired'), /200 OK[^]*401 Unauthorized/)
  await press('Stay signed in')
  await lesson.getByRole('heading', { name: 'The new access token' }).waitFor()
  t.match(await verdict('200, accepted'), /POST \/auth\/refresh[^]*GET \/me/)
}
