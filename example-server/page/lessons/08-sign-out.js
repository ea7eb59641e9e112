/** @type {import('./lesson.js').Lesson} */
export const signOut = {
  id: 'lesson-sign-out',
  title: 'Sign out',
  needs: 'password',
  what: ['A token that is signed and not expired is valid. How can it be revoked?'],
  why: ['Each server keeps the few revoked ids in memory.']
}
