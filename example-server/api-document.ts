import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { allowDocsStyle } from './operations/security-headers.ts'
import { Problem } from './routes/problems.ts'

const tags = [
  { name: 'auth', description: 'Sign-in, refresh, sign-out and the password' },
  { name: 'account', description: "The caller's account: e-mail address, data, deletion" },
  { name: 'passkeys', description: 'Sign-in without a password (WebAuthn)' },
  { name: 'sessions', description: 'The devices on which the caller is signed in' },
  { name: 'notes', description: 'What the tokens protect here' },
  { name: 'admin', description: 'Other users. Needs the role `admin`' },
  { name: 'health', description: 'For load balancers and orchestrators' },
  { name: 'lessons', description: 'For the lessons of the page, outside production' }
]

/** What the plugin adds to protected routes that do not describe these statuses themselves. */
const refusals: Record<string, object> = {
  401: Problem('The token is missing, invalid, expired or revoked', [
    'AUTH_NO_CREDENTIALS',
    'AUTH_INVALID_TOKEN',
    'AUTH_EXPIRED_TOKEN',
    'AUTH_REVOKED_TOKEN',
    'AUTH_STALE_AUTHENTICATION'
  ]),
  403: Problem('The token does not suffice, or the request came from another site', [
    'AUTH_INSUFFICIENT_SCOPE',
    'AUTH_INSUFFICIENT_ROLE',
    'AUTH_CROSS_SITE'
  ])
}
const refusalTitles: Record<string, string> = { 401: 'Unauthorized', 403: 'Forbidden' }

/** After the plugin, because the document contains its security schemes, and before the routes, which it collects. */
export async function registerApiDocument(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'fastify-authenticate, the example server',
        version: '1',
        license: { name: 'MIT', identifier: 'MIT' } as { name: string }
      },
      servers: [{ url: '/', description: 'This server' }],
      // Routes that need more say so.
      security: [],
      tags,
      components: { securitySchemes: app.securitySchemes }
    },
    transformObject: (document) =>
      'openapiObject' in document ? withNames(document.openapiObject) : document.swaggerObject
  })
  await app.register(swaggerUi, { routePrefix: '/docs', transformStaticCSP: allowDocsStyle })
}

interface Schema {
  readonly title?: string
  readonly description?: string
  readonly properties?: { readonly code?: { readonly enum?: unknown } }
}

interface Operation {
  readonly responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}

/** Makes a component of each schema with a title, and a reference to it of each use. */
function withNames<Document extends object>(document: Document): Document {
  const { paths = {}, components = {} } = document as {
    paths?: Record<string, Record<string, Operation>>
    components?: object
  }
  const schemas: Record<string, object> = {}

  function named(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(named)
    if (typeof value !== 'object' || value === null) return value
    const members: Schema & { required?: string[] } = Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, named(member)])
    )
    // Every error of ours has a code.
    if (members.properties?.code?.enum !== undefined) members.required = ['statusCode', 'code', 'error', 'message']
    const { title, description: _, ...schema } = members as Schema
    if (typeof title !== 'string') return members
    schemas[title] ??= schema
    if (JSON.stringify(schemas[title]) !== JSON.stringify(schema)) {
      throw new Error(`two schemas have the title ${title}`)
    }
    return { $ref: `#/components/schemas/${title}` }
  }

  for (const { responses } of Object.values(paths).flatMap((path) => Object.values(path))) {
    for (const [status, { content = {} }] of Object.entries(responses)) {
      for (const media of Object.values(content)) {
        const isOfPlugin = status in refusals && media.schema.properties?.code?.enum === undefined
        if (isOfPlugin) media.schema = { ...refusals[status], title: refusalTitles[status]! }
      }
    }
  }
  const namedPaths = named(paths)
  return { ...document, paths: namedPaths, components: { ...components, schemas } }
}
