import { forge, postFromHere } from './forgery.js'

/** @typedef {import('./forgery.js').Forged} Forged */

/** @type {import('./lesson.js').Lesson} */
export const anotherSite = {
  id: 'another-site',
  title: 'Another site tries',
  needs: 'user',
  what: [
    'Browsers attach cookies to requests by themselves, whichever site has started the request. ',
    'So a page that you only visit could act in your name.'
  ],
  actions: [
    {
      label: 'Let it write a note',
      about: 'Another site posts a form to /notes, as soon as you open it.',
      run: writeNote
    },
    {
      label: 'Let it sign you in',
      about: 'As mallory: then you would work in an account that somebody else can read.',
      run: signInAsMallory
    },
    { label: 'Write a note from this page', about: 'For comparison.', run: writeFromHere }
  ],
  why: [
    'SameSite=Lax keeps your cookies out of forms that another site posts, but a sign-in needs no cookie, and a page ' +
      'on another port or subdomain counts as the same site. So the server also reads Origin and Sec-Fetch-Site, ' +
      'which the browser sets and no script can change. (A token in a header needs no such check: no browser ' +
      'attaches it by itself.)'
  ],
  code: ['other-site', 'own-site']
}

async function* writeNote() {
  const { shown, seen } = await forge('note')
  yield {
    ...shown,
    picture: pictureOf(shown, 'another site posts a form'),
    ...(seen?.hasCookie === false && {
      because: 'the browser kept your cookies out of this request',
      meaning: `${describe(seen)} The server does not know that it was you.`
    })
  }
}

async function* signInAsMallory() {
  const { shown, seen } = await forge('sign-in')
  yield {
    ...shown,
    picture: pictureOf(shown, 'another site posts a form'),
    meaning:
      `${describe(seen)} This request needs no cookie, so SameSite does not help. Without this check you could now ` +
      'be signed in as mallory.'
  }
}

async function* writeFromHere() {
  const { shown, seen } = await postFromHere()
  document.dispatchEvent(new Event('lists-changed'))
  yield {
    ...shown,
    ...(shown.received.status === 201 && {
      because: 'it comes from this page, with your cookies',
      meaning: `${describe(seen)} The note is in your list.`
    })
  }
}

/** @type {import('./sequence.js').Message} */
const notAsked = { from: 'database', text: 'not asked', tone: 'idle' }

/** @param {Forged['seen']} seen */
function describe(seen) {
  if (seen === null) return 'In production, the server does not say what it saw.'
  const from = seen.origin === 'null' ? 'Origin null (a page whose origin the browser hides)' : `Origin ${seen.origin}`
  return `The server saw: ${from}, Sec-Fetch-Site ${seen.site}, ${seen.hasCookie ? 'your cookies' : 'no cookie'}.`
}

/**
 * @param {Forged['shown']} shown
 * @param {string} text
 * @returns {import('./sequence.js').Message[]}
 */
function pictureOf({ sent, received }, text) {
  return [
    { from: 'browser', text },
    { from: 'browser', to: 'server', text: `${sent.method} ${sent.path}` },
    ...(received.timing?.queries === 0 ? [notAsked] : []),
    { from: 'server', to: 'browser', text: `${received.status} ${received.statusText}`, tone: 'bad' }
  ]
}
