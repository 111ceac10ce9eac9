/**
 * Problem details (RFC 9457): the one form of every refusal. `code` is stable and is what a client acts on; `title` says
 * the same to a person; `detail` says what was wrong this time.
 */
import { type TSchema, Type } from '@sinclair/typebox'
import type { StoreErrorCode } from '../db'
import type { Result } from '../result'

export interface ProblemKind {
  readonly status: number
  readonly title: string
}

/** A module's total map from its failure codes to what HTTP says of them. */
export type Failures<Code extends string> = Readonly<Record<Code, ProblemKind>>

export class Problem extends Error {
  constructor(
    readonly code: string,
    readonly kind: ProblemKind,
    readonly detail: string = kind.title,
    readonly members: Readonly<Record<string, unknown>> = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail)
    this.name = 'Problem'
  }
}

/**
 * The value of a success; a failure is thrown as the problem that its module's map names. A member `retryAfter`
 * (seconds) is said in the header of that name too.
 */
export function unwrap<Value, Code extends string>(result: Result<Value, Code>, failures: Failures<Code>): Value {
  if (result.ok) return result.value
  const { code, detail, members = {} } = result
  const headers: Record<string, string> = 'retryAfter' in members ? { 'retry-after': String(members.retryAfter) } : {}
  throw new Problem(code, failures[code], detail, members, headers)
}

/** What the platform itself refuses, before or beside any module. */
export const httpFailures = {
  malformed_body: { status: 400, title: 'The body is not valid JSON in UTF-8.' },
  idempotency_key_invalid: { status: 400, title: 'The Idempotency-Key must be 1 to 255 visible ASCII characters.' },
  cursor_invalid: { status: 400, title: 'The cursor is not one that this list gave out.' },
  unauthenticated: { status: 401, title: 'Sign in first: this needs a valid access token.' },
  insufficient_scope: { status: 403, title: 'Your access token does not allow this.' },
  second_factor_required: {
    status: 403,
    title: 'Your role needs a second factor: set one up first (POST /api/v1/auth/2fa/totp, or a passkey).',
  },
  csrf_token_invalid: { status: 403, title: 'A request with the session’s cookie needs its x-csrf-token.' },
  route_not_found: { status: 404, title: 'There is no such address here.' },
  method_not_allowed: { status: 405, title: 'This address does not know that method.' },
  idempotency_key_in_flight: { status: 409, title: 'A request with this Idempotency-Key is still under way.' },
  body_too_large: { status: 413, title: 'The body is too large.' },
  unsupported_media_type: { status: 415, title: 'Send the body as application/json in UTF-8.' },
  validation_failed: { status: 422, title: 'The request does not have the form that is asked for.' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used for another request.' },
  rate_limited: { status: 429, title: 'Too many requests: wait a little.' },
  too_busy: { status: 503, title: 'Too many passwords are waiting to be looked at: try again in a few seconds.' },
  internal_error: { status: 500, title: 'Something went wrong on our side; it was logged under this request id.' },
} as const satisfies Failures<string>

export const storeFailures: Failures<StoreErrorCode> = {
  database_unavailable: { status: 503, title: 'The database cannot be reached; try again in a moment.' },
  database_busy: { status: 503, title: 'The database is too busy; try again in a moment.' },
  storage_full: { status: 507, title: 'The disk is full; nothing was changed.' },
  storage_read_only: { status: 507, title: 'The disk cannot be written to; nothing was changed.' },
  storage_corrupt: { status: 500, title: 'The database file is damaged; nothing was changed. Run kumbu doctor.' },
  storage_failed: { status: 500, title: 'The disk reported an error; nothing was changed.' },
}

export function httpProblem(
  code: keyof typeof httpFailures,
  detail?: string,
  members?: Record<string, unknown>,
  headers?: Record<string, string>,
): Problem {
  return new Problem(code, httpFailures[code], detail, members, headers)
}

export const PROBLEM_TYPE = 'application/problem+json'

export function renderProblem(problem: Problem, requestId: string): Response {
  const body = {
    type: `/problems/${problem.code}`,
    title: problem.kind.title,
    status: problem.kind.status,
    detail: problem.detail,
    code: problem.code,
    requestId,
    ...problem.members,
  }
  return new Response(JSON.stringify(body), {
    status: problem.kind.status,
    headers: { ...problem.headers, 'content-type': PROBLEM_TYPE },
  })
}

/** The schemas of the problems that a route names, one a status, for its OpenAPI responses. */
export function problems<Code extends string>(failures: Failures<Code>, ...codes: Code[]): Record<number, TSchema> {
  const byStatus = new Map<number, Code[]>()
  for (const code of codes) {
    const { status } = failures[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, these]) => [status, problemSchema(status, these, failures[these[0] as Code].title)]),
  )
}

export function problemSchema(status: number, codes: readonly string[], title: string): TSchema {
  return Type.Object(
    {
      type: Type.String(),
      title: Type.String(),
      status: Type.Literal(status),
      detail: Type.String(),
      code: Type.Union(codes.map((code) => Type.Literal(code))),
      requestId: Type.String(),
    },
    {
      description: codes.map((code) => `\`${code}\``).join(', '),
      examples: [
        {
          type: `/problems/${codes[0]}`,
          title,
          status,
          detail: title,
          code: codes[0],
          requestId: 'req_01m0z3k8x2f4v5b6n7a9',
        },
      ],
    },
  )
}
