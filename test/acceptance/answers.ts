/** What the tests of the outside share: how a refusal looks, the state of the books, and requests byte by byte. */
import { expect } from 'bun:test'
import { sql } from 'drizzle-orm'
import { verifyLedger } from '../../src/modules/ledger'
import type { Answer, World } from '../support/world'

/** The answer is the problem with this status and code, complete (RFC 9457), and carries its request id. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body?.code }).toEqual({ status, code })
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(answer.body.status).toBe(status)
  expect(answer.body.type).toBe(`/problems/${code}`)
  expect(answer.body.title).toBeString()
  expect(answer.body.detail).toBeString()
  expect(answer.body.requestId).toBe(answer.headers.get('x-request-id'))
}

/** Every account that money has ever touched: balance, held, and how many entries it has. */
export function booksOf({ runtime: { store } }: World): Promise<Array<Record<string, unknown>>> {
  return store.rows(
    store.read,
    sql`select id, balance, held, entry_count from accounts where entry_count > 0 or held <> 0 order by id`,
  )
}

export async function expectCleanBooks({ runtime: { store } }: World): Promise<void> {
  const { findings, totals } = await verifyLedger(store)
  expect(findings).toEqual([])
  for (const { issued, trust } of totals) expect(issued).toBe(trust)
}

/** A request whose body is sent as it is: bytes, a stream, or nothing at all. */
export async function send(
  { app }: Pick<World, 'app'>,
  method: string,
  path: string,
  { headers = {}, body, from = '192.0.2.1' }: { headers?: Record<string, string>; body?: BodyInit; from?: string } = {},
): Promise<Answer> {
  const request = new Request(`http://localhost${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
  const response = await app.pipeline(request, () => from)
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
