/**
 * The OpenAPI document, made from what the routes state: their TypeBox schemas, their scopes and their examples. What
 * every route can answer (a refused token, a limit, a fault) is added here, so that no route has to repeat it.
 */
import { toOpenAPISchema } from '@elysiajs/openapi/openapi'
import type { AnyElysia } from 'elysia'
import { type httpFailures, httpFailures as kinds, PROBLEM_TYPE, problemSchema } from './problem'
import { IDEMPOTENT_MEMBER, SCOPES_MEMBER } from './route'

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
  parameters?: unknown[]
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, { description?: string; content?: Record<string, Media>; headers?: unknown }>
  [SCOPES_MEMBER]?: 'public' | readonly string[]
  [IDEMPOTENT_MEMBER]?: boolean
}
type Paths = Record<string, Record<string, Operation>>

export interface ApiInfo {
  title: string
  version: string
  description: string
  tags: Array<{ name: string; description: string }>
}

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
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  example: '01929b3e-6f0a-7cc3-98c4-dc0c0c07398f',
}

type HttpCode = keyof typeof httpFailures

export function openApiDocument(app: AnyElysia, info: ApiInfo): object {
  const { paths, components } = toOpenAPISchema(app) as unknown as { paths: Paths; components: { schemas?: object } }
  const { tags, ...rest } = info
  return {
    openapi: '3.0.3',
    info: { ...rest, license: { name: 'MIT', url: 'https://opensource.org/license/mit' } },
    servers: [{ url: '/' }],
    tags,
    paths: Object.fromEntries(
      Object.entries(paths).map(([path, operations]) => [
        path,
        Object.fromEntries(Object.entries(operations).map(([method, operation]) => [method, complete(operation)])),
      ]),
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

function complete(operation: Operation): Operation {
  const scopes = operation[SCOPES_MEMBER]
  const isPublic = scopes === 'public' || scopes === undefined
  const done: Operation = { ...operation, security: isPublic ? [] : [{ bearer: [] }], responses: { ...operation.responses } }
  if (operation.requestBody) done.requestBody = jsonOnly(operation.requestBody)
  if (operation[IDEMPOTENT_MEMBER]) done.parameters = [...(operation.parameters ?? []), IDEMPOTENCY_PARAMETER]
  for (const [status, codes] of commonProblems(operation, isPublic)) mergeProblem(done, status, codes)
  for (const [status, response] of Object.entries(done.responses)) done.responses[status] = describe(status, response)
  return done
}

function commonProblems(operation: Operation, isPublic: boolean): Array<[number, HttpCode[]]> {
  const codes: HttpCode[] = ['rate_limited', 'internal_error']
  if (!isPublic) codes.push('unauthenticated', 'insufficient_scope')
  if (operation.requestBody) codes.push('malformed_body', 'body_too_large', 'unsupported_media_type')
  if (operation.requestBody || operation.parameters?.length) codes.push('validation_failed')
  if (operation[IDEMPOTENT_MEMBER]) {
    codes.push('idempotency_key_invalid', 'idempotency_key_in_flight', 'idempotency_key_reused')
  }
  const byStatus = new Map<number, HttpCode[]>()
  for (const code of codes) byStatus.set(kinds[code].status, [...(byStatus.get(kinds[code].status) ?? []), code])
  return [...byStatus]
}

/** Adds codes to the problem that the route itself may have stated for the same status. */
function mergeProblem(operation: Operation, status: number, codes: HttpCode[]): void {
  const stated = Object.values(operation.responses[status]?.content ?? {})[0]?.schema
  const statedCodes = stated ? codesOf(stated) : []
  const first = statedCodes[0]
  const example = (stated?.examples?.[0] as { title?: string } | undefined)?.title
  const title = first && example ? example : kinds[codes[0] as HttpCode].title
  operation.responses[status] = {
    content: { [PROBLEM_TYPE]: { schema: problemSchema(status, [...statedCodes, ...codes], title) as Schema } },
  }
}

function codesOf(schema: Schema): string[] {
  const code = (schema.properties as Record<string, { const?: string; enum?: string[]; anyOf?: Array<{ const?: string; enum?: string[] }> }>)?.code
  if (!code) return []
  const one = (each: { const?: string; enum?: string[] }) => each.enum ?? (each.const === undefined ? [] : [each.const])
  return code.anyOf ? code.anyOf.flatMap(one) : one(code)
}

function jsonOnly(body: NonNullable<Operation['requestBody']>): NonNullable<Operation['requestBody']> {
  const media = body.content['application/json'] ?? Object.values(body.content)[0]
  return { required: true, content: { 'application/json': withExample(media ?? {}) } }
}

function describe(status: string, response: Operation['responses'][string]): Operation['responses'][string] {
  const isProblem = Number(status) >= 400
  const content = response.content && Object.fromEntries(
    Object.entries(response.content).map(([type, media]) => [isProblem ? PROBLEM_TYPE : type, withExample(media)]),
  )
  const codes = isProblem && content ? codesOf(Object.values(content)[0]?.schema ?? {}) : []
  const description = codes.length > 0 ? codes.map((code) => `\`${code}\``).join(', ') : (REASONS[status] ?? response.description ?? 'Done.')
  return { description, ...(content ? { content } : {}) }
}

/** OpenAPI 3.0 shows one example beside the schema; TypeBox keeps several inside it. */
function withExample(media: Media): Media {
  const { examples, ...schema } = plain(media.schema ?? {})
  return { schema, ...(examples?.[0] === undefined ? {} : { example: examples[0] }) }
}

/** The schema in OpenAPI 3.0's words: a literal is an enum of one, and only the outermost examples are kept. */
function plain(schema: Schema, depth = 0): Schema {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'examples' && depth > 0) continue
    if (name === 'const') {
      out.enum = [value]
    } else if (name === 'patternProperties') {
      out.additionalProperties = Object.values(value as object)[0]
    } else if (name !== '$id' && name !== 'error') {
      out[name] = name === 'examples' ? value : plainValue(value, depth)
    }
  }
  return literalUnion(out as Schema)
}

function plainValue(value: unknown, depth: number): unknown {
  if (Array.isArray(value)) return value.map((each) => plainValue(each, depth))
  if (value === null || typeof value !== 'object') return value
  return plain(value as Schema, depth + 1)
}

function literalUnion(schema: Schema): Schema {
  const options = schema.anyOf as Schema[] | undefined
  if (!options) return schema
  const { anyOf: _, ...rest } = schema
  const nullable = options.filter((option) => option.type !== 'null')
  if (options.every((option) => Array.isArray(option.enum) && option.type === 'string')) {
    return { ...rest, type: 'string', enum: options.flatMap((option) => option.enum as unknown[]) }
  }
  if (nullable.length === 1 && options.length === 2) return { ...rest, ...nullable[0], nullable: true }
  return schema
}
