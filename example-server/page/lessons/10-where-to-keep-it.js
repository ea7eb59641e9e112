/** @type {import('./lesson.js').Lesson} */
export const whereToKeepIt = {
  id: 'where-to-keep-it',
  title: 'Where to keep a token',
  what: ['Every script of a page can read local storage. No script can read an httpOnly cookie.'],
  why: ['A stolen token works anywhere until it expires.']
}
