import { byId, element } from '../element.js'
import { signIn } from './01-sign-in.js'
import { whatYouGot } from './02-what-you-got.js'
import { howItIsSigned } from './03-how-it-is-signed.js'
import { useIt } from './04-use-it.js'
import { forgeIt } from './05-forge-it.js'
import { itExpires } from './06-it-expires.js'
import { refreshAndTheft } from './07-refresh-and-theft.js'
import { signOut } from './08-sign-out.js'
import { anotherSite } from './09-another-site.js'
import { whereToKeepIt } from './10-where-to-keep-it.js'
import { drawEnd } from './end.js'
import { drawLesson } from './lesson.js'
import { readProgress, saveProgress } from './progress.js'

const lessons = [
  signIn,
  whatYouGot,
  howItIsSigned,
  useIt,
  forgeIt,
  itExpires,
  refreshAndTheft,
  signOut,
  anotherSite,
  whereToKeepIt
]

/** Shows the lessons, opens the one that the address names or the first one that is not done, and the progress. */
export function showLessons() {
  const done = readProgress()
  const steps = byId('progress', HTMLElement)

  /** @param {string} id */
  function finish(id) {
    done.add(id)
    saveProgress(done)
    drawProgress()
  }

  function drawProgress() {
    const links = lessons.map(({ id, title }, index) =>
      element(
        'li',
        { class: done.has(id) ? 'done' : '' },
        element(
          'a',
          { href: `#${id}`, 'aria-label': `Lesson ${index + 1}: ${title}${done.has(id) ? ' (done)' : ''}` },
          String(index + 1)
        )
      )
    )
    steps.replaceChildren(...links)
    byId('progress-text', HTMLElement).textContent = `${done.size} of ${lessons.length} lessons done`
  }

  /** @param {string} id */
  function open(id) {
    const lesson = document.getElementById(id)
    if (!(lesson instanceof HTMLDetailsElement)) return
    lesson.open = true
    lesson.querySelector('summary')?.focus({ preventScroll: true })
    lesson.scrollIntoView({ block: 'start' })
  }

  byId('lessons', HTMLElement).replaceChildren(
    ...lessons.map((lesson, index) => {
      const following = lessons[index + 1]
      const next = following
        ? element('a', { href: `#${following.id}`, click: () => finish(lesson.id) }, `Next: ${following.title}`)
        : element('a', { href: '#end', click: () => finish(lesson.id) }, 'To the end')
      return drawLesson(lesson, { number: index + 1, onDone: () => finish(lesson.id), next: [next] })
    }),
    drawEnd()
  )
  drawProgress()
  addEventListener('hashchange', () => open(location.hash.slice(1)))
  const current = lessons.find(({ id }) => `#${id}` === location.hash) ?? lessons.find(({ id }) => !done.has(id))
  const first = document.getElementById(current?.id ?? '')
  if (first instanceof HTMLDetailsElement) first.open = true
}
