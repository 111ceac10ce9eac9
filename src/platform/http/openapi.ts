/**
 * The OpenAPI document, made from what the routes state: their TypeBox schemas, their scopes and their examples. What
 * every route can answer (a refused token, a limit, a fault) is added here, so that no route has to repeat it.
 */
import { toOpenAPISchema } from '@elysiajs/openapi/openapi'
import type { AnyElysia } from 'elysia'
import {
  type httpFailures,
  PROBLEM_TYPE,
  httpFailures as platformFailures,
  problemSchema,
  storeFailures,
} from './problem'
import { ANSWERS_MEMBER, FORM_MEMBER, IDEMPOTENT_MEMBER, SCOPES_MEMBER } from './route'

interface Media {
  schema?: Schema
  example?: unknown
}
interface Schema {
  examples?: unknown[]
  [member: string]: unknown
}
interface Operation {
  operationId?: string
  tags?: string[]
  summary?: string
  security?: unknown
  parameters?: Array<{ name: string }>
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, { description?: string; content?: Record<string, Media>; headers?: unknown }>
  [SCOPES_MEMBER]?: 'public' | readonly string[]
  [IDEMPOTENT_MEMBER]?: boolean
  [FORM_MEMBER]?: boolean
  [ANSWERS_MEMBER]?: string
}
type Paths = Record<string, Record<string, Operation>>

export interface ApiInfo {
  title: string
  version: string
  description: string
  tags: Array<{ name: string; description: string }>
}

const VERSION = '3.1.0'

const REASONS: Record<string, string> = {
  200: 'Done.',
  201: 'Created.',
  202: 'Accepted.',
  204: 'Done; there is nothing to say.',
}

const IDEMPOTENCY_PARAMETER = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Makes a repeat safe: the request is executed once and a repeat gets the first answer. Use a new UUID (v7 is quickest) for each payment.',
  // No example: the page would send it with every try, and the second one would get the first answer.
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}

const kinds = { ...platformFailures, ...storeFailures }
type CommonCode = keyof typeof httpFailures | keyof typeof storeFailures

/** What anything that asks the database may come to. */
const STORE_CODES = [
  'database_unavailable',
  'database_busy',
  'storage_full',
  'storage_read_only',
  'storage_corrupt',
  'storage_failed',
] as const
/** They say of themselves what of the rest is down. */
const WATCHING = new Set(['/health', '/ready', '/metrics'])

export function openApiDocument(app: AnyElysia, info: ApiInfo): object {
  const { paths, components } = toOpenAPISchema(
    app,
    { staticFile: false },
    undefined,
    undefined,
    VERSION,
  ) as unknown as {
    paths: Paths
    components: { schemas?: object }
  }
  const bodies = bodiesOf(app)
  const { tags, ...rest } = info
  return {
    openapi: VERSION,
    info: { ...rest, license: { name: 'MIT', url: 'https://opensource.org/license/mit' } },
    servers: [{ url: '/' }],
    tags,
    paths: mapValues(paths, (operations, path) =>
      mapValues(operations, (operation, method) => complete(path, method, operation, bodies.get(`${method} ${path}`))),
    ),
    components: {
      ...components,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The accessToken that POST /api/v1/auth/login answers.',
        },
      },
    },
  }
}

/** The generator leaves out bodies that a parser of ours reads, so they are taken from the routes themselves. */
function bodiesOf(app: AnyElysia): Map<string, Schema> {
  const bodies = new Map<string, Schema>()
  for (const { method, path, hooks } of app.routes) {
    const { body } = hooks as { body?: Schema }
    if (body) bodies.set(`${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`, body)
  }
  return bodies
}

function mapValues<From, To>(record: Record<string, From>, map: (value: From, name: string) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]))
}

function complete(path: string, method: string, operation: Operation, body: Schema | undefined): Operation {
  const scopes = operation[SCOPES_MEMBER]
  const isPublic = scopes === 'public' || scopes === undefined
  const done: Operation = {
    ...operation,
    security: isPublic ? [] : [{ bearer: [] }],
    responses: { ...operation.responses },
  }
  const mediaType = operation[FORM_MEMBER] ? 'application/x-www-form-urlencoded' : 'application/json'
  if (body) done.requestBody = { required: true, content: { [mediaType]: withExample({ schema: body }) } }
  if (operation[IDEMPOTENT_MEMBER]) done.parameters = [...(operation.parameters ?? []), IDEMPOTENCY_PARAMETER]
  const answers = operation[ANSWERS_MEMBER]
  if (answers)
    for (const response of Object.values(done.responses))
      if (!isProblem(response)) response.content = underType(answers, response.content)
  const codes = commonCodes({ ...operation, isPublic, changes: method !== 'get', asksTheDatabase: !WATCHING.has(path) })
  for (const [status, these] of byStatus(codes)) mergeProblem(done, status, these)
  for (const [status, response] of Object.entries(done.responses)) done.responses[status] = describe(status, response)
  return done
}

const isProblem = ({ content = {} }: Operation['responses'][string]): boolean =>
  codesOf(Object.values(content)[0]?.schema ?? {}).length > 0

function underType(type: string, content: Record<string, Media> = {}): Record<string, Media> {
  const [media = {}] = Object.values(content)
  return { [type]: { ...media, schema: { type: 'string', ...media.schema } } }
}

interface Asked extends Operation {
  isPublic: boolean
  changes: boolean
  asksTheDatabase: boolean
}

function commonCodes(operation: Asked): CommonCode[] {
  const codes: CommonCode[] = ['rate_limited', 'internal_error']
  if (!operation.isPublic) codes.push('unauthenticated', 'insufficient_scope', 'second_factor_required')
  if (!operation.isPublic && operation.changes) codes.push('csrf_token_invalid')
  // Whatever takes a password or a PIN waits for its place.
  if (operation.changes) codes.push('too_busy')
  if (operation.asksTheDatabase) codes.push(...STORE_CODES)
  if (operation.parameters?.some(({ name }) => name === 'cursor')) codes.push('cursor_invalid')
  if (operation.requestBody) codes.push('malformed_body', 'body_too_large', 'unsupported_media_type')
  if (operation.requestBody || operation.parameters?.length) codes.push('validation_failed')
  if (operation[IDEMPOTENT_MEMBER]) {
    codes.push('idempotency_key_invalid', 'idempotency_key_in_flight', 'idempotency_key_reused')
  }
  return codes
}

function byStatus(codes: readonly CommonCode[]): Array<[number, CommonCode[]]> {
  return [...Map.groupBy(codes, (code) => kinds[code].status)]
}

/** Adds codes to the problem that the route itself may have stated for the same status. */
function mergeProblem(operation: Operation, status: number, codes: CommonCode[]): void {
  const stated = Object.values(operation.responses[status]?.content ?? {})[0]?.schema
  const statedCodes = stated ? codesOf(stated) : []
  const first = statedCodes[0]
  const example = (stated?.examples?.[0] as { title?: string } | undefined)?.title
  const title = first && example ? example : kinds[codes[0] as CommonCode].title
  operation.responses[status] = {
    content: { [PROBLEM_TYPE]: { schema: problemSchema(status, [...statedCodes, ...codes], title) as Schema } },
  }
}

interface Literals {
  const?: string
  enum?: string[]
  anyOf?: Literals[]
}

function codesOf(schema: Schema): string[] {
  const { code } = (schema.properties ?? {}) as { code?: Literals }
  if (!code) return []
  const one = ({ const: value, enum: values }: Literals) => values ?? (value === undefined ? [] : [value])
  return code.anyOf ? code.anyOf.flatMap(one) : one(code)
}

function describe(status: string, response: Operation['responses'][string]): Operation['responses'][string] {
  if (status === '204') return { description: REASONS[status] as string }
  const schema = Object.values(response.content ?? {})[0]?.schema ?? {}
  // Whoever asks whether it is ready gets the same answer when it is not.
  const isRefusal = Number(status) >= 400 && codesOf(schema).length > 0
  const content =
    response.content &&
    Object.fromEntries(
      Object.entries(response.content).map(([type, media]) => [isRefusal ? PROBLEM_TYPE : type, withExample(media)]),
    )
  const codes = isRefusal ? codesOf(schema) : []
  const description =
    codes.length > 0
      ? codes.map((code) => `\`${code}\``).join(', ')
      : (REASONS[status] ?? response.description ?? 'Done.')
  return { description, ...(content ? { content } : {}) }
}

/** OpenAPI shows one example beside the schema; TypeBox keeps several inside it. */
function withExample(media: Media): Media {
  const { examples, ...schema } = plain(media.schema ?? {})
  return { schema, ...(examples?.[0] === undefined ? {} : { example: examples[0] }) }
}

/** The schema without what only the server reads; of the examples, only the outermost are kept. */
function plain(schema: Schema, depth = 0): Schema {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'examples' && depth > 0) continue
    out[name] = name === 'examples' ? value : plainValue(value, depth)
  }
  return literalUnion(out as Schema)
}

function plainValue(value: unknown, depth: number): unknown {
  if (Array.isArray(value)) return value.map((each) => plainValue(each, depth))
  if (value === null || typeof value !== 'object') return value
  return plain(value as Schema, depth + 1)
}

/** A union of literals reads better as an enumeration. */
function literalUnion(schema: Schema): Schema {
  const options = schema.anyOf as Schema[] | undefined
  if (!options?.every(({ type, const: value }) => type === 'string' && value !== undefined)) return schema
  const { anyOf: _, ...rest } = schema
  return { ...rest, type: 'string', enum: options.map(({ const: value }) => value) }
}
