import type { FastifyInstance } from 'fastify'
import type { ResourceSettings } from '../options/resources.ts'
import { isFree, serveOpenDocument } from './open-document.ts'
import { metadataPath } from './protected-resources.ts'

/**
 * Serves the metadata of each resource (RFC 9728 §3). Where clients guess its path, they drop the last slash of the
 * resource's path, or look at the root: those paths serve it too, if they belong to no other resource.
 */
export function serveResourceMetadata(app: FastifyInstance, resources: readonly ResourceSettings[]): void {
  for (const resource of resources) {
    serveOpenDocument(app, { path: metadataPath(resource.path), content: metadataOf(resource) })
  }
  for (const resource of resources) {
    const guesses = [resource.path.replace(/(?<=.)\/$/, ''), ...(resources.length === 1 ? ['/'] : [])].map(metadataPath)
    for (const path of guesses) {
      if (isFree(app, path)) serveOpenDocument(app, { path, content: metadataOf(resource) })
    }
  }
}

/** RFC 9728 §2. Tokens are read from the header; the cookie is not one of its methods. */
function metadataOf({ url, authorizationServers, scopes, name, documentation }: ResourceSettings) {
  return {
    resource: url,
    authorization_servers: authorizationServers,
    ...(scopes !== null && { scopes_supported: scopes }),
    bearer_methods_supported: ['header'],
    ...(name !== null && { resource_name: name }),
    ...(documentation !== null && { resource_documentation: documentation })
  }
}
