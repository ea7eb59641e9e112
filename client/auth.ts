/** Options of `createAuth()`. `undefined` is not a value of any of them. */
export interface AuthOptions {
  /** The route that calls `reply.refresh()`, with method POST. It must be at the origin of `baseUrl`. Required. */
  readonly refresh: string | URL
  /** The route that calls `reply.signOut()`, with method POST. Default: none, and `signOut()` throws a `TypeError`. */
  readonly signOut?: string | URL
  /**
   * A route that responds with the user, best with all claims (`request.user`). `null` means the same as the 401
   * `AUTH_NO_CREDENTIALS`: nobody is signed in. Default: `user` is `{ sid }`.
   */
  readonly me?: string | URL
  /**
   * What relative URLs are resolved against. Credentials are sent to its origin only. Default: the address of the page.
   * Required in Node.
   */
  readonly baseUrl?: string | URL
  /** Whether sign-in responds with cookies or with tokens in its body. Default: `'cookie'`. */
  readonly transport?: 'cookie' | 'bearer'
  /** Where the tokens of `bearer` are kept, such as `localStorage`. Default: in memory, until the page is closed. */
  readonly storage?: AuthStorage
  /** Sends the requests, each as a URL and an init. Default: `globalThis.fetch`. */
  readonly fetch?: (url: string, init: any) => Promise<any>
  /**
   * How many seconds before its expiry an access token is refreshed. `0`: only when a request needs it. Default: a
   * tenth of its lifetime, but at least 1 (or a fifth) and at most 60.
   */
  readonly leadSeconds?: number
}

/**
 * Where a client with `transport: 'bearer'` keeps its tokens: `localStorage`, or the secure storage of a device. The
 * functions may be asynchronous. Every script of the page can read `localStorage`; `transport: 'cookie'` avoids that.
 */
export interface AuthStorage {
  /** Returns the value of a key, `null` if there is none. */
  getItem(key: string): string | null | Promise<string | null>
  /** Stores a value under a key, in place of the one before. */
  setItem(key: string, value: string): void | Promise<void>
  /** Removes a key. Does nothing if it does not exist. */
  removeItem(key: string): void | Promise<void>
}

/**
 * What the client reports by events.
 * - `signed-in`: the user is known, or another user signed in
 * - `signed-out`: the session of the user is over, or nobody is signed in. `user` is `null`, or `undefined` until the
 *   next user is known. `detail` is the {@link SignedOutReason}
 * - `refreshed`: a new access token arrived, fetched by any tab. `detail` is how long it is valid, in milliseconds;
 *   `Infinity` if that is not known
 * - `unavailable`: the server cannot refresh or say who is signed in at the moment. Nobody is signed out by this
 * - `available`: the server can do both again
 */
export type AuthEventType = 'signed-in' | 'signed-out' | 'refreshed' | 'unavailable' | 'available'

/**
 * Why `signed-out` was dispatched: the `detail` of the event. `null`: nobody was signed in when the page was loaded, or
 * another user signed in.
 * - `sign-out`: `signOut()` was called, in any tab
 * - `ended`: the server ended the session: it expired, or was revoked
 * - `hidden`: the page goes into the back/forward cache. It finds out who is signed in when it is shown again
 */
export type SignedOutReason = 'sign-out' | 'ended' | 'hidden'

/** A listener of an event of this type. */
export type AuthListener<Type extends AuthEventType> = (event: Event & { readonly detail: AuthDetails[Type] }) => void

/** What the events carry in `detail`. */
export interface AuthDetails {
  /** Nothing: `auth.user` says who. */
  'signed-in': null
  /** Why. `null`: nobody was signed in when the page was loaded, or another user signed in. */
  'signed-out': SignedOutReason | null
  /** How long the new access token is valid, in milliseconds; `Infinity` if that is not known. */
  refreshed: number
  /** Nothing. */
  unavailable: null
  /** Nothing. */
  available: null
}

/** The session of this browser, shared by its tabs. */
export interface Auth<User = { readonly sid: string }> extends EventTarget {
  /**
   * `fetch` with the credentials of the session. It does not need `this`, so it can be passed to libraries. Requests to
   * another origin than that of `baseUrl`, with an `Authorization` of your own, or with `credentials: 'omit'` are sent
   * unchanged.
   * ```ts
   * const response = await auth.fetch('/notes', { method: 'POST', body: JSON.stringify({ text: 'buy milk' }) })
   * ```
   * Rejects as `fetch` does, and with
   * - `AuthUnavailable`, if the access token has expired and no other can be fetched within 15 seconds
   * - a `DOMException` named `AbortError`, if the session of the request is over, or after `close()`
   */
  readonly fetch: typeof globalThis.fetch
  /** `undefined`: not known yet; `null`: nobody; else what `me` responded. */
  readonly user: User | null | undefined
  /**
   * Starts the session that a sign-in route has responded with, in all tabs. Resolves when `user` is known.
   * ```ts
   * const response = await fetch('/login', { method: 'POST', body: new FormData(form) })
   * if (response.ok) await auth.signedIn(response)
   * ```
   * @param response the response of the route, which stays readable, or its parsed body
   * @throws TypeError if it is a refusal, or not a response of `reply.signIn()`
   */
  signedIn(response: Response | object): Promise<void>
  /**
   * Ends the session, on the server and in all tabs.
   * @throws AuthUnavailable if the server does not confirm it: then the user is still signed in
   * @throws TypeError without the option `signOut`
   */
  signOut(): Promise<void>
  /**
   * Ends all timers and listeners of this client, and aborts its requests with an `AbortError`. The session continues:
   * other tabs, and clients that are created later, have it.
   */
  close(): void
  /** As of every `EventTarget`, with the types of these events. */
  addEventListener<Type extends AuthEventType>(
    type: Type,
    listener: AuthListener<Type> | { handleEvent: AuthListener<Type> } | null,
    options?: Parameters<EventTarget['addEventListener']>[2]
  ): void
  /** As of every `EventTarget`, with the types of these events. */
  removeEventListener<Type extends AuthEventType>(
    type: Type,
    listener: AuthListener<Type> | { handleEvent: AuthListener<Type> } | null,
    options?: Parameters<EventTarget['removeEventListener']>[2]
  ): void
}
