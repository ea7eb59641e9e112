/** @type {import('./lesson.js').Lesson} */
export const itExpires = {
  id: 'it-expires',
  title: 'It expires',
  needs: 'password',
  what: ['A token that lives for a short time is worth little to a thief.'],
  why: ['A short life limits what a stolen token is worth.']
}
