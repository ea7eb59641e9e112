import { element } from '../element.js'

/** @type {import('./lesson.js').Lesson} */
export const signIn = {
  id: 'lesson-sign-in',
  title: 'Sign in',
  what: ['A password is checked once. The server answers with something that proves from then on who you are.'],
  draw: () => [element('p', {}, 'Sign in by the form, or sign up.')],
  why: ['Checking a password is slow on purpose, and it would have to be sent along with every request.'],
  code: ['check-password']
}
