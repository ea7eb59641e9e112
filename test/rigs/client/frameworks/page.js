// The program of a page that shows the user by React, Vue and Svelte. The modules in `.cache` are the blocks of docs/client.md.
import { createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { mount, unmount } from 'svelte'
import { createApp, h } from 'vue'
import { auth } from '../.cache/auth.ts'
import { useUser as useReactUser } from '../.cache/react.ts'
import { useUser as useVueUser } from '../.cache/vue.ts'
import SvelteUser from './user.svelte'

const textOf = (user) => (user === undefined ? 'not known yet' : user === null ? 'nobody' : user.sub)
const place = (id) => document.body.appendChild(Object.assign(document.createElement('p'), { id }))
const signals = []
const listen = auth.addEventListener.bind(auth)
auth.addEventListener = (type, listener, options) => {
  signals.push(options.signal)
  listen(type, listener, options)
}

const react = createRoot(place('react'))
react.render(createElement(() => textOf(useReactUser())))
const vue = createApp({
  setup() {
    const user = useVueUser()
    return () => h('span', textOf(user.value))
  }
})
vue.mount(place('vue'))
const svelte = mount(SvelteUser, { target: place('svelte'), props: { textOf } })

/** What the page shows, and whether anything listens. */
export const shown = () => [...document.querySelectorAll('p')].map(({ id, textContent }) => `${id}: ${textContent}`)
export const listening = () => signals.filter(({ aborted }) => !aborted).length
export async function remove() {
  react.unmount()
  vue.unmount()
  await unmount(svelte)
}
export { auth }
