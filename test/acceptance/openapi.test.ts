/** The OpenAPI document: valid, complete, and true to the routes that it describes. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { createWorld, type World } from '../support/world'

interface Media {
  schema?: Record<string, unknown>
  example?: unknown
}

interface Operation {
  summary?: string
  tags?: string[]
  operationId?: string
  security?: unknown[]
  parameters?: Array<{ name: string; in: string; schema?: unknown }>
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, { description?: string; content?: Record<string, Media> }>
  'x-scopes'?: 'public' | string[]
  'x-idempotent'?: boolean
  'x-form'?: boolean
}

interface Document {
  openapi: string
  info: { title: string; version: string }
  tags: Array<{ name: string }>
  paths: Record<string, Record<string, Operation>>
  components: { securitySchemes: Record<string, unknown> }
}

/** An operation with the schemas by which its route really judges. */
interface Described {
  name: string
  operation: Operation
  body: TSchema | undefined
  responses: Record<string, TSchema>
}

const PROBLEM = 'application/problem+json'
const JSON_BODY = 'application/json'
/** What OAuth’s clients send (RFC 6749, appendix B). */
const FORM = 'application/x-www-form-urlencoded'

let world: World
let document: Document

beforeAll(async () => {
  world = await createWorld()
  document = world.app.document() as Document
})

afterAll(() => world.end())

function described(): Described[] {
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      const route = world.app
        .routes()
        .find((each) => each.method.toLowerCase() === method && documented(each.path) === path)
      const { body, response = {} } = (route?.hooks ?? {}) as { body?: TSchema; response?: Record<string, TSchema> }
      return { name: `${method.toUpperCase()} ${path}`, operation, body, responses: response }
    }),
  )
}

const documented = (path: string) => path.replaceAll(/:(\w+)/g, '{$1}')

/** Names of the operations that the judgement finds wanting. */
const failing = (isGood: (each: Described) => boolean) =>
  described()
    .filter((each) => !isGood(each))
    .map(({ name }) => name)

const successes = ({ responses }: Operation) => Object.entries(responses).filter(([status]) => status.startsWith('2'))
const refusals = ({ responses }: Operation) => Object.entries(responses).filter(([status]) => status.startsWith('4'))

/** OAuth's clients know the errors of RFC 6749, and no problems. */
const isOAuthError = (content: Record<string, { schema?: { properties?: object } }> | undefined) =>
  Object.values(content ?? {}).some(({ schema }) => 'error' in (schema?.properties ?? {}))

describe('the document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)))
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
    expect(document.openapi).toBe('3.1.0')
  })

  test('is what /swagger/json answers, and says the version that runs', async () => {
    const { status, body } = await world.call('GET', '/swagger/json')
    expect(status).toBe(200)
    expect(body).toEqual(JSON.parse(JSON.stringify(document)))
    expect(body.info.version).toBe((await world.call('GET', '/health')).body.version)
  })

  test('describes every route that is not hidden, and no other', () => {
    const routes = world.app
      .routes()
      .filter(({ hooks }) => (hooks as { detail?: { hide?: boolean } }).detail?.hide !== true)
      .map(({ method, path }) => `${method} ${documented(path)}`)
    expect(
      described()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(routes.sort())
    expect(routes.length).toBeGreaterThan(25)
  })
})

describe('every operation', () => {
  test('has a summary, one tag of those that are explained, and an id of its own', () => {
    const tags = document.tags.map(({ name }) => name)
    expect(failing(({ operation }) => (operation.summary ?? '').trim() !== '')).toEqual([])
    expect(
      failing(({ operation }) => operation.tags?.length === 1 && tags.includes(operation.tags[0] as string)),
    ).toEqual([])
    const ids = described().map(({ operation }) => operation.operationId)
    expect(ids).not.toContain(undefined)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('says whether it needs a token, as its scopes do', () => {
    expect(Object.keys(document.components.securitySchemes)).toEqual(['bearer'])
    expect(
      failing(({ operation: { security, 'x-scopes': scopes } }) =>
        scopes === 'public' ? security?.length === 0 : JSON.stringify(security) === '[{"bearer":[]}]',
      ),
    ).toEqual([])
  })

  test('has a success, with a schema unless there is nothing to say', () => {
    expect(failing(({ operation }) => successes(operation).length > 0)).toEqual([])
    expect(
      failing(({ operation }) =>
        successes(operation).every(([status, { content }]) =>
          status === '204' ? content === undefined : Object.values(content ?? {}).some(({ schema }) => schema),
        ),
      ),
    ).toEqual([])
  })

  test('describes every answer', () => {
    expect(
      failing(({ operation }) =>
        Object.values(operation.responses).every(({ description }) => (description ?? '').trim() !== ''),
      ),
    ).toEqual([])
  })

  test('names its refusals as problems, each with its codes and an example', () => {
    expect(
      failing(({ operation }) =>
        refusals(operation).every(([status, { content }]) => {
          const { schema, example } = content?.[PROBLEM] ?? {}
          // OAuth’s clients know errors of their own, and people who follow a link a page.
          if (isOAuthError(content) || 'text/html' in (content ?? {})) return true
          const { status: shown, code } = (example ?? {}) as { status?: number; code?: string }
          const { code: codes } = (schema?.properties ?? {}) as { code?: { const?: string; enum?: string[] } }
          return shown === Number(status) && code !== undefined && (codes?.enum ?? [codes?.const]).includes(code)
        }),
      ),
    ).toEqual([])
    expect(failing(({ operation }) => '429' in operation.responses && '500' in operation.responses)).toEqual([])
    expect(
      failing(
        ({ operation }) =>
          operation['x-scopes'] === 'public' || ('401' in operation.responses && '403' in operation.responses),
      ),
    ).toEqual([])
  })

  test('names what the platform refuses wherever it may', () => {
    const tells = (operation: Operation, status: number, ...wanted: string[]) => {
      const { code } = (operation.responses[status]?.content?.[PROBLEM]?.schema?.properties ?? {}) as {
        code?: { const?: string; enum?: string[] }
      }
      return wanted.every((each) => (code?.enum ?? [code?.const]).includes(each))
    }
    const isGuarded = ({ operation }: Described) => operation['x-scopes'] !== 'public'
    const isList = ({ operation }: Described) => operation.parameters?.some(({ name }) => name === 'cursor') ?? false
    const watches = ({ name }: Described) => /^GET \/(health|ready|metrics)$/.test(name)
    expect(failing((each) => !isList(each) || tells(each.operation, 400, 'cursor_invalid'))).toEqual([])
    expect(
      failing((each) => !isGuarded(each) || tells(each.operation, 403, 'insufficient_scope', 'second_factor_required')),
    ).toEqual([])
    expect(
      failing(
        (each) => !isGuarded(each) || each.name.startsWith('GET ') || tells(each.operation, 403, 'csrf_token_invalid'),
      ),
    ).toEqual([])
    expect(
      failing((each) => watches(each) || tells(each.operation, 503, 'database_unavailable', 'database_busy')),
    ).toEqual([])
    expect(document.paths['/ready']?.get?.responses[503]?.content).toHaveProperty(JSON_BODY)
  })

  test('says what it answers with where that is not JSON', () => {
    const others = described().flatMap(({ name, operation }) =>
      successes(operation).flatMap(([, { content = {} }]) =>
        Object.keys(content)
          .filter((type) => type !== JSON_BODY)
          .map((type) => `${name}: ${type}`),
      ),
    )
    expect(others.sort()).toEqual([
      'GET /api/v1/appointments/feeds/{token}: text/calendar',
      'GET /api/v1/appointments/{appointmentId}/invitation: text/calendar',
      'GET /api/v1/audit/export: text/csv',
      'GET /api/v1/notifications/inbox/stream: text/event-stream',
      'GET /metrics: text/plain',
      'GET /receipts/{provider}: text/plain',
      'GET /unsubscribe: text/html',
      'POST /receipts/{provider}: text/plain',
      'POST /unsubscribe: text/html',
    ])
  })

  test('that has parts in its path names them', () => {
    expect(
      failing(({ name, operation }) => {
        const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, part]) => part as string)
        const named = (operation.parameters ?? []).filter((each) => each.in === 'path').map((each) => each.name)
        return JSON.stringify(inPath.sort()) === JSON.stringify(named.sort())
      }),
    ).toEqual([])
  })

  test('that moves money, books, or sends a message takes an Idempotency-Key, and says so', () => {
    const idempotent = described().filter(({ operation }) =>
      operation.parameters?.some((each) => each.in === 'header' && each.name === 'Idempotency-Key'),
    )
    expect(idempotent.map(({ name }) => name).sort()).toEqual([
      'POST /api/v1/agents/me/cash-in',
      'POST /api/v1/agents/{agentId}/float',
      'POST /api/v1/appointments',
      'POST /api/v1/appointments/desk/{appointmentId}/cancel',
      'POST /api/v1/appointments/desk/{appointmentId}/complete',
      'POST /api/v1/appointments/desk/{appointmentId}/move',
      'POST /api/v1/appointments/desk/{appointmentId}/no-show',
      'POST /api/v1/appointments/desk/{appointmentId}/refund',
      'POST /api/v1/appointments/waiting',
      'POST /api/v1/appointments/{appointmentId}/accept',
      'POST /api/v1/appointments/{appointmentId}/cancel',
      'POST /api/v1/appointments/{appointmentId}/decline',
      'POST /api/v1/appointments/{appointmentId}/move',
      'POST /api/v1/atm/validate-token',
      'POST /api/v1/atm/withdrawal-request',
      'POST /api/v1/atm/withdrawals/{id}/cancel',
      'POST /api/v1/atm/withdrawals/{id}/reverse',
      'POST /api/v1/internal/notifications/otp',
      'POST /api/v1/internal/notifications/welcome',
      'POST /api/v1/notifications/send',
      'POST /api/v1/wallet/{userId}/transfer',
    ])
    for (const { operation } of idempotent) expect(Object.keys(operation.responses)).toContain('409')
  })
})

test('only what OAuth’s clients and mail programs send is a form', () => {
  const forms = described().filter(({ operation }) => operation['x-form'])
  expect(forms.map(({ name }) => name).sort()).toEqual([
    'POST /oauth/introspect',
    'POST /oauth/revoke',
    'POST /oauth/token',
    'POST /unsubscribe',
  ])
})

describe('every example', () => {
  test('of a request is there, and is what the route would take', () => {
    const withBody = described().filter(({ operation }) => operation.requestBody)
    expect(withBody.length).toBeGreaterThan(10)
    for (const { name, operation, body } of withBody) {
      const content = operation.requestBody?.content ?? {}
      const form = operation['x-form'] ? FORM : JSON_BODY
      expect([name, Object.keys(content)]).toEqual([name, [form]])
      const { example } = content[form] ?? {}
      expect([name, example]).not.toEqual([name, undefined])
      expect([name, faults(body as TSchema, example)]).toEqual([name, []])
    }
  })

  test('of a success is there, and is what the route would answer', () => {
    for (const { name, operation, responses } of described()) {
      for (const [status, { content = {} }] of successes(operation)) {
        for (const { example, schema = {} } of Object.values(content)) {
          const saysNothing = Object.keys((schema.properties ?? {}) as object).length === 0 && schema.type === 'object'
          if (saysNothing) continue
          expect([name, status, example]).not.toEqual([name, status, undefined])
          expect([name, status, faults(responses[status] as TSchema, example)]).toEqual([name, status, []])
        }
      }
    }
  })
})

test('every route that reads a body describes it, and every described body is read', () => {
  expect(failing(({ operation, body }) => (operation.requestBody !== undefined) === (body !== undefined))).toEqual([])
})

const faults = (schema: TSchema, value: unknown) =>
  [...Value.Errors(schema, value)].map(({ path, message }) => `${path}: ${message}`)
