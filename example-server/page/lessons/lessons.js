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

/** Shows the lessons and the progress; opens the lesson that the address names, or the first one that is not done. */
export function showLessons() {
  const done = readProgress()
  const progress = byId('progress', HTMLElement)
  /** The lesson that was opened last. */
  let current = ''

  /** @param {string} id */
  function finish(id) {
    done.add(id)
    saveProgress(done)
    drawProgress()
  }

  function drawProgress() {
    progress.replaceChildren(...lessons.map(drawStep))
    for (const { id } of lessons) byId(id, HTMLElement).classList.toggle('done', done.has(id))
    const count = lessons.filter(({ id }) => done.has(id)).length
    byId('progress-text', HTMLElement).textContent = `${count} of ${lessons.length} done`
  }

  /**
   * @param {import('./lesson.js').Lesson} lesson
   * @param {number} index
   */
  function drawStep({ id, title }, index) {
    const label = `Lesson ${index + 1}: ${title}${done.has(id) ? ' (done)' : ''}`
    return element(
      'li',
      { class: done.has(id) ? 'done' : '' },
      element(
        'a',
        { href: `#${id}`, title, 'aria-label': label, 'aria-current': id === current && 'step' },
        String(index + 1)
      )
    )
  }

  /**
   * @param {import('./lesson.js').Lesson} lesson
   * @param {number} index
   */
  function draw(lesson, index) {
    const { id } = lesson
    const following = lessons[index + 1]
    const next = following
      ? { href: `#${following.id}`, text: `Next: ${following.title}` }
      : { href: '#end', text: 'Next: what JWT is good at' }
    return drawLesson(lesson, {
      number: index + 1,
      onDone: () => finish(id),
      onOpen() {
        current = id
        drawProgress()
      },
      next: [element('a', { href: next.href, click: () => finish(id) }, next.text)]
    })
  }

  /** @param {string} id */
  function open(id) {
    const lesson = document.getElementById(id)
    if (!(lesson instanceof HTMLDetailsElement)) return
    lesson.open = true
    lesson.querySelector('summary')?.focus({ preventScroll: true })
    lesson.scrollIntoView({ block: 'start' })
  }

  byId('lessons', HTMLElement).replaceChildren(...lessons.map(draw), drawEnd())
  drawProgress()
  openAllForPrint()
  addEventListener('hashchange', () => open(location.hash.slice(1)))
  const isNamed = lessons.some(({ id }) => `#${id}` === location.hash)
  if (isNamed) open(location.hash.slice(1))
  else byId((lessons.find(({ id }) => !done.has(id)) ?? lessons[0])?.id ?? '', HTMLDetailsElement).open = true
}

/** Without their common name, all of them can be open. */
function openAllForPrint() {
  /** @type {HTMLDetailsElement[]} */
  let closed = []
  const all = () => /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll('details.lesson'))
  addEventListener('beforeprint', () => {
    closed = [...all()].filter(({ open }) => !open)
    for (const lesson of all()) lesson.name = ''
    for (const lesson of closed) lesson.open = true
  })
  addEventListener('afterprint', () => {
    for (const lesson of closed) lesson.open = false
    for (const lesson of all()) lesson.name = 'lesson'
  })
}
