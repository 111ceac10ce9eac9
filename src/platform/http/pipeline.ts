/**
 * What every request goes through, whichever route it is for and whether or not there is one: an id, the limit for
 * strangers, the size limit, then the application; then headers, figures and a log line for the answer.
 */
import type { NewId } from '../ids'
import type { Log } from '../observability/log'
import type { Metrics } from '../observability/metrics'
import type { Traffic } from '../queue/traffic'
import { clientAddress } from './address'
import { type BodyForm, limitFor, refuseTooLarge } from './body'
import { beginContext, hasCredentials, pathOf, type RequestContext } from './context'
import { Problem, renderProblem } from './problem'
import { type RateLimiter, takeOrRefuse } from './rate-limit'

export interface PipelineOptions {
  newId: NewId
  log: Log
  metrics: Metrics
  limiter: RateLimiter
  /** Other names of paths, by their beginnings. */
  aliases: ReadonlyArray<readonly [from: string, to: string]>
  /** Told of every request, so that background work can stand back. */
  traffic: Traffic
  /** How the address of a path takes its body. */
  bodyFormOf(path: string): BodyForm
  /** Requests a minute from one address that is not signed in; 0 turns limits off. */
  anonymousLimit: number
  trustedProxies: readonly string[]
  corsOrigins: readonly string[]
  /** Browsers are told to come back by HTTPS only. */
  https: boolean
  /** Log answered requests too, not only refused ones. */
  logRequests: boolean
}

export type Handle = (request: Request) => Response | Promise<Response>
/** `peer` answers the address at the other end of the connection. */
export type Pipeline = (request: Request, peer: () => string) => Promise<Response>

/** Not counted: who watches over us; and providers, of whom each receipt is known by its signature. */
const NOT_COUNTED = /^\/(?:health|ready|metrics|receipts\/[a-z0-9-]+)$/
const REQUEST_ID_FORM = /^[\w.:-]{1,64}$/

const SECURITY_HEADERS: ReadonlyArray<readonly [string, string]> = [
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['x-frame-options', 'DENY'],
]
const API_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"

/** What is longer than an id is a secret that lets in, such as the address of a calendar. */
const SECRET_SEGMENT = /[\w-]{40,}/g
const withoutSecrets = (path: string) => path.slice(0, 200).replaceAll(SECRET_SEGMENT, '…')

export function createPipeline(handle: Handle, options: PipelineOptions): Pipeline {
  const { newId, log, metrics, limiter, aliases, traffic, bodyFormOf, anonymousLimit } = options
  const { trustedProxies, corsOrigins, https, logRequests } = options

  function begin(request: Request, peer: () => string): RequestContext {
    const given = request.headers.get('x-request-id')
    const context: RequestContext = {
      id: given !== null && REQUEST_ID_FORM.test(given) ? given : newId('req'),
      // Asked for by few requests, and not free.
      get address() {
        return clientAddress(peer(), request.headers.get('x-forwarded-for'), trustedProxies)
      },
      path: pathOf(request.url),
      startedAt: performance.now(),
      answerHeaders: {},
      cookies: [],
    }
    beginContext(request, context)
    return context
  }

  function limitStranger(request: Request, context: RequestContext): void {
    // One with a token is counted where the token is looked at.
    if (!hasCredentials(request)) countStranger(context)
  }

  function countStranger(context: RequestContext): void {
    if (anonymousLimit === 0 || NOT_COUNTED.test(context.path)) return
    takeOrRefuse(limiter, `address ${context.address}`, anonymousLimit, context.answerHeaders)
  }

  /** The request under the name that the application knows. */
  function rename(request: Request, context: RequestContext): Request {
    const alias = aliases.find(([from]) => context.path.startsWith(from))
    if (!alias) return request
    const url = new URL(request.url)
    url.pathname = alias[1] + url.pathname.slice(alias[0].length)
    const renamed = new Request(url, request)
    beginContext(renamed, context)
    return renamed
  }

  function cors(request: Request, response: Response): void {
    const origin = request.headers.get('origin')
    if (origin === null || !corsOrigins.includes(origin)) return
    response.headers.set('access-control-allow-origin', origin)
    response.headers.append('vary', 'origin')
    response.headers.set(
      'access-control-expose-headers',
      'x-request-id, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after',
    )
  }

  function preflight(request: Request): Response | undefined {
    if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method')) return undefined
    const response = new Response(null, { status: 204 })
    if (corsOrigins.includes(request.headers.get('origin') ?? '')) {
      response.headers.set('access-control-allow-methods', 'GET, POST, PUT, PATCH, DELETE')
      response.headers.set('access-control-allow-headers', 'authorization, content-type, idempotency-key, x-request-id')
      response.headers.set('access-control-max-age', '600')
    }
    return response
  }

  function finish(request: Request, response: Response, context: RequestContext): Response {
    const { headers, status } = response
    for (const [name, value] of SECURITY_HEADERS) headers.set(name, value)
    if (!headers.has('content-security-policy')) headers.set('content-security-policy', API_CONTENT_POLICY)
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store')
    if (https) headers.set('strict-transport-security', 'max-age=31536000')
    headers.set('x-request-id', context.id)
    for (const name in context.answerHeaders) headers.set(name, context.answerHeaders[name] as string)
    for (const cookie of context.cookies) headers.append('set-cookie', cookie)
    if (corsOrigins.length > 0) cors(request, response)
    record(request, status, context)
    return response
  }

  function record(request: Request, status: number, context: RequestContext): void {
    const durationMs = performance.now() - context.startedAt
    const { method } = request
    metrics.httpRequests.inc({ method, route: context.route ?? 'none', status: String(status) })
    metrics.httpDuration.observe({ method }, durationMs / 1000)
    const level = status >= 500 ? 'error' : status >= 400 ? 'info' : 'debug'
    if (level === 'debug' && !logRequests) return
    log[level](
      {
        requestId: context.id,
        method,
        path: withoutSecrets(context.path),
        status,
        problem: context.problem,
        address: context.address,
        user: context.principal?.userId,
        ms: Math.round(durationMs * 10) / 10,
      },
      'request',
    )
  }

  return async (request, peer) => {
    const context = begin(request, peer)
    traffic.note()
    try {
      const answered = preflight(request)
      if (answered) return finish(request, answered, context)
      limitStranger(request, context)
      refuseTooLarge(request, limitFor(bodyFormOf(context.path)))
      const response = await handle(rename(request, context))
      // A token that is none, at an address that never looked at it, must not get a stranger past the limit.
      if (!context.principal && context.answerHeaders['ratelimit-limit'] === undefined) countStranger(context)
      return finish(request, response, context)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      context.problem = error.code
      return finish(request, renderProblem(error, context.id), context)
    }
  }
}
