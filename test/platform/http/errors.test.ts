/** Whose fault it is: what a client sent is told to the client, what we answer is logged and told as ours. */
import { beforeEach, expect, test } from 'bun:test'
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { toProblem } from '../../../src/platform/http/errors'
import { renderProblem } from '../../../src/platform/http/problem'
import type { Log } from '../../../src/platform/observability/log'

const logged: object[] = []
const note = (fields: object) => void logged.push(fields)
const log: Log = { debug: note, info: note, warn: note, error: note }

const count = Type.Object({ count: Type.Integer() })
const app = new Elysia({ normalize: false })
  .onError(({ code, error, request }) =>
    renderProblem(
      toProblem({ code, error, request }, () => app, log, 'req_1'),
      'req_1',
    ),
  )
  .post('/count', ({ body }) => (body.count < 0 ? ({ count: 'secret' } as unknown as { count: number }) : body), {
    body: count,
    response: { 200: count },
  })

async function post(body: object) {
  const headers = { 'content-type': 'application/json' }
  const request = new Request('http://localhost/count', { method: 'POST', headers, body: JSON.stringify(body) })
  const response = await app.handle(request)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

beforeEach(() => {
  logged.length = 0
})

test('a request of another form is the client’s fault, and nothing to log', async () => {
  expect(await post({ count: 'one' })).toMatchObject({
    status: 422,
    body: { code: 'validation_failed', errors: [{ pointer: '/count' }] },
  })
  expect(logged).toEqual([])
})

test('an answer of another form is ours: it is logged, without its values, and tells the client nothing of itself', async () => {
  const { status, body } = await post({ count: -1 })
  expect([status, body.code]).toEqual([500, 'internal_error'])
  expect(JSON.stringify(body)).not.toMatch(/count|secret/)
  expect(logged).toMatchObject([{ requestId: 'req_1', errors: [{ pointer: '/count' }] }])
  expect(JSON.stringify(logged)).not.toContain('secret')
})
