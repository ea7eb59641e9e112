import { forge } from './forgery.js'

/** @type {import('./lesson.js').Lesson} */
export const anotherSite = {
  id: 'another-site',
  title: 'Another site tries',
  what: ['Browsers attach cookies to every request to this server, also to one that another site has started.'],
  actions: [{ label: 'Forge a cross-site request', run: forgeRequest }],
  why: ['The server checks which site a request comes from.']
}

async function* forgeRequest() {
  yield await forge()
}
