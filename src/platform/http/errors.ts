/** The one place where whatever went wrong in a request becomes an answer. */
import type { AnyElysia } from 'elysia'
import { StoreError, storeErrorOf } from '../db'
import type { Log } from '../observability/log'
import { HasherBusyError } from '../security/password-hasher'
import { httpProblem, Problem, storeFailures } from './problem'

interface Thrown {
  code: string | number
  error: unknown
  request: Request
}

export function toProblem(
  { code, error, request }: Thrown,
  app: () => AnyElysia,
  log: Log,
  requestId: string,
): Problem {
  if (error instanceof Problem) return error
  // What a body parser throws arrives wrapped.
  if (code === 'PARSE') return causeOf(error) ?? httpProblem('malformed_body')
  if (code === 'NOT_FOUND') return unknownRoute(request, app())
  if (code === 'VALIDATION') {
    const { type, errors } = issuesOf(error)
    if (type !== 'response') return invalid(type, errors)
    log.error({ requestId, errors }, 'an answer has not the form that its route promises')
    return httpProblem('internal_error')
  }
  if (error instanceof HasherBusyError) return httpProblem('too_busy', undefined, undefined, { 'retry-after': '5' })
  const fault = storeErrorOf(error)
  if (fault instanceof StoreError) {
    log.error({ requestId, error: fault }, 'the database failed')
    const headers: Record<string, string> = storeFailures[fault.code].status === 503 ? { 'retry-after': '1' } : {}
    return new Problem(fault.code, storeFailures[fault.code], undefined, undefined, headers)
  }
  log.error({ requestId, error }, 'a bug was thrown')
  return httpProblem('internal_error')
}

function causeOf(error: unknown): Problem | undefined {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Problem ? cause : undefined
}

function unknownRoute(request: Request, app: AnyElysia): Problem {
  const { pathname } = new URL(request.url)
  const allowed = app.routes.filter(({ path }) => matches(path, pathname)).map(({ method }) => method)
  if (allowed.length === 0) return httpProblem('route_not_found', `There is nothing at ${pathname.slice(0, 200)}.`)
  const methods = [...new Set(allowed)].sort().join(', ')
  return httpProblem('method_not_allowed', `${pathname.slice(0, 200)} knows ${methods}.`, undefined, { allow: methods })
}

function matches(pattern: string, pathname: string): boolean {
  const wanted = pattern.split('/')
  const given = pathname.split('/')
  return wanted.length === given.length && wanted.every((part, i) => part.startsWith(':') || part === given[i])
}

interface ValidationIssue {
  path?: string
  message?: string
  summary?: string
  schema?: { error?: unknown; additionalProperties?: unknown }
}

interface Issue {
  pointer: string
  message: string
}

/** Each fault with the place it is at, as a JSON pointer, and none of the values: they may be secret. */
function issuesOf(error: unknown): { type: string; errors: Issue[] } {
  const { all = [], type = 'body' } = error as { all?: ValidationIssue[]; type?: string }
  const issues = all.map(({ path = '', message, summary }) => ({ pointer: path, message: cleaned(message ?? summary) }))
  const seen = new Set<string>()
  const errors = issues
    .filter(({ pointer, message }) => !seen.has(pointer + message) && seen.add(pointer + message))
    .slice(0, 10)
  return { type, errors }
}

function invalid(type: string, errors: Issue[]): Problem {
  const first = errors[0]
  const where = first?.pointer ? `${first.pointer}: ` : ''
  return httpProblem('validation_failed', first ? `${where}${first.message}` : undefined, { in: type, errors })
}

function cleaned(message: unknown): string {
  const text = typeof message === 'string' ? message : 'is not valid'
  return text === 'Unexpected property' ? 'is not a member that this request knows' : text
}
