/** What is known of the request under way: its id, where it came from, who sent it. */
export interface Principal {
  userId: string
  sessionId: string
  role: string
  scopes: ReadonlySet<string>
  /** Until a second factor is set up, the scopes are few. */
  restricted: boolean
}

export interface RequestContext {
  readonly id: string
  readonly address: string
  /** The path as it was asked for, without the query. */
  readonly path: string
  readonly startedAt: number
  /** The route's pattern, once a route was found. */
  route?: string
  principal?: Principal
  /** The code of the problem that the answer carries. */
  problem?: string
  /** Headers for the answer, such as the rate limit's. */
  readonly answerHeaders: Record<string, string>
  /** Cookies to be set by the answer. */
  readonly cookies: string[]
}

const contexts = new WeakMap<Request, RequestContext>()

export function beginContext(request: Request, context: RequestContext): void {
  contexts.set(request, context)
}

export function contextOf(request: Request): RequestContext {
  const context = contexts.get(request)
  if (!context) throw new Error('The request did not come through the pipeline.')
  return context
}

/** Who sent the request. Only a route that names scopes may ask. */
export function principalOf(request: Request): Principal {
  const { principal } = contextOf(request)
  if (!principal) throw new Error('The route is public and has no principal.')
  return principal
}

/** Whether it claims to be signed in, by a token or a cookie; whether that is so is looked at by the route. */
export function hasCredentials(request: Request): boolean {
  return request.headers.has('authorization') || request.headers.has('cookie')
}

/** The path of an absolute address, without parsing all of it. */
export function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  const end = url.indexOf('?', start)
  return start < 0 ? '/' : url.slice(start, end < 0 ? undefined : end)
}
