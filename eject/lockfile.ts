import type { Manifest, NewManifest, Versions } from './manifest.ts'
import type { PluginPackage } from './plugin-package.ts'

/** A package in `package-lock.json`, by the path where it is installed. */
interface Locked {
  readonly dependencies?: Versions
  readonly optionalDependencies?: Versions
  readonly peerDependencies?: Versions
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly [member: string]: unknown
}

export interface Lockfile {
  readonly lockfileVersion: number
  readonly packages: Readonly<Record<string, Locked>>
}

/** Which edges a search follows. */
interface Edges {
  readonly optional: boolean
  readonly peer: boolean
}

/**
 * The part of this repository's `package-lock.json` that the project needs: the same versions at the same places.
 * @returns `null` if the plugin is not the one of this repository, because its packages are not known then
 */
export function createLockfile(
  manifest: NewManifest,
  { plugin, ours, lock }: { plugin: PluginPackage; ours: Manifest; lock: Lockfile }
): object | null {
  const { tarball, isThisOne, spec } = plugin
  if (tarball === null || !isThisOne) return null
  const { name, version, engines, dependencies, devDependencies } = manifest
  const pluginEntry = {
    version: ours.version,
    resolved: spec,
    integrity: tarball.integrity,
    license: ours.license,
    dependencies: ours.dependencies,
    engines: ours.engines,
    peerDependencies: ours.peerDependencies
  }
  const packages: Lockfile['packages'] = { ...lock.packages, [`node_modules/${ours.name}`]: pluginEntry }
  const everything: Locked = { dependencies: { ...dependencies, ...devDependencies } }

  const find = (root: Locked, edges: Edges) => reachable(packages, { root, edges })
  const all = find(everything, { optional: true, peer: true })
  const required = find(everything, { optional: false, peer: true })
  const withoutPeers = find(everything, { optional: true, peer: false })
  const inProduction = find({ dependencies }, { optional: true, peer: true })
  const requiredInProduction = find({ dependencies }, { optional: false, peer: true })

  /** What npm needs to know to leave the package out. */
  function flags(path: string) {
    const isOptional = !requiredInProduction.has(path)
    if (!inProduction.has(path)) return { dev: true, ...(!required.has(path) && { optional: true }) }
    if (!isOptional) return {}
    return required.has(path) ? { devOptional: true } : { optional: true }
  }

  const chosen: Record<string, Locked> = { '': { name, version, dependencies, devDependencies, engines } }
  for (const path of [...all].sort((a, b) => a.localeCompare(b, 'en'))) {
    chosen[path] = marked(packages[path]!, { ...flags(path), ...(!withoutPeers.has(path) && { peer: true }) })
  }
  return { name, version, lockfileVersion: lock.lockfileVersion, requires: true, packages: chosen }
}

const flagNames = ['dev', 'optional', 'devOptional', 'peer']

/** The entry with these flags instead of its own, where they were: npm keeps the order. */
function marked(entry: Locked, flags: Readonly<Record<string, unknown>>): Locked {
  const kept = Object.entries(entry).filter(([name]) => !flagNames.includes(name) || name in flags)
  return { ...Object.fromEntries(kept), ...flags }
}

/** The paths of the packages that `root` needs, directly or through others. */
function reachable(
  packages: Lockfile['packages'],
  { root, edges }: { root: Locked; edges: Edges }
): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (path: string, entry: Locked): void => {
    for (const name of namesOf(entry, edges)) {
      const place = locate(packages, { name, from: path })
      if (place === null || found.has(place)) continue
      found.add(place)
      visit(place, packages[place]!)
    }
  }
  visit('', root)
  return found
}

function namesOf(entry: Locked, { optional, peer }: Edges): string[] {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = entry
  return [
    ...Object.keys(dependencies),
    ...(optional ? Object.keys(optionalDependencies) : []),
    ...(peer ? Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional) : [])
  ]
}

/** Node's search: in the package's own folder, then in those around it. */
function locate(packages: Lockfile['packages'], { name, from }: { name: string; from: string }): string | null {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
    if (path in packages) return path
    if (folder === '') return null
  }
}
