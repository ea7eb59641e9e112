/** @type {import('./lesson.js').Lesson} */
export const refreshAndTheft = {
  id: 'refresh-and-theft',
  title: 'Refresh, and theft',
  needs: 'password',
  what: ['Each refresh token works once, and is exchanged for the next one.'],
  why: ['If an old one returns, somebody has a copy: the session ends for both.']
}
