type Complete<Given, Defaults> = Omit<Given, keyof Defaults> & Readonly<Defaults>

/** Fills in what `given` leaves out. No member of `given` is `undefined`: `resolveOptions()` has removed those. */
export function withDefaults<Defaults extends object, Given extends object>(
  given: Given,
  defaults: Defaults
): Complete<Given, Defaults> {
  return { ...defaults, ...given } as unknown as Complete<Given, Defaults>
}
