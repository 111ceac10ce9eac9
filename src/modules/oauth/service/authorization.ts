/**
 * The authorization code grant with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 9700): what a client asks, whether it may,
 * whom it asks, and the code that it gets. An error goes back to the client only once its address is known to be its own.
 */
import { and, eq } from 'drizzle-orm'
import type { Events } from '../../../platform/events'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { hashOfToken, newToken } from '../../../platform/security/tokens'
import { type Identity, scopesOf, securityChanged, type User } from '../../identity'
import { oauthCodes, oauthConsents } from '../schema'
import { describeScope, isOpenIdScope, parseScope } from '../scopes'
import type { Client, Clients } from './clients'
import { isChallenge, matchesRedirect } from './redirects-and-pkce'

const CODE_LIFETIME_MS = 5 * 60_000
/** How old a proof may be when the client asks for a new one: long enough to read what is asked. */
const JUST_NOW_MS = { login: 2 * 60_000, maxAge: 30_000 }

/** The query of an authorization request, its empty members left out (RFC 6749, section 3.1). */
type AuthorizationQuery = Readonly<Record<string, string | undefined>>

/** A request that may be put to the person. */
export interface AuthorizationRequest {
  client: Client
  redirectUri: string
  scopes: string[]
  state: string | undefined
  codeChallenge: string
  nonce: string | undefined
  prompts: string[]
  maxAgeMs: number | undefined
}

/** Where the browser is to go next, or why it cannot be sent anywhere. */
export type Checked =
  | { kind: 'ask'; request: AuthorizationRequest }
  | { kind: 'redirect'; to: string }
  | { kind: 'refuse'; reason: string }

export interface Asked {
  client: { id: string; name: string }
  scopes: Array<{ scope: string; description: string }>
  /** Allowed before: there is nothing to ask. */
  allowedBefore: boolean
}

export interface Authorization {
  /** `query` is what came, with or without its question mark. */
  check(query: string): Promise<Checked>
  /** What the person is asked. */
  describe(request: AuthorizationRequest, user: User): Promise<Asked>
  /** The address with the code, or with the error when the person says no. */
  decide(
    request: AuthorizationRequest,
    user: User,
    sessionId: string,
    allow: boolean,
    address: string,
  ): Promise<Result<string, 'step_up_required'>>
  /** The address with an error of OpenID Connect, for a client that wants nobody to be asked (`prompt=none`). */
  silent(
    request: AuthorizationRequest,
    user: User | undefined,
    sessionId: string | undefined,
  ): Promise<string | undefined>
}

export function createAuthorization(
  { store, clock, random }: Runtime,
  { identity, clients, events }: { identity: Identity; clients: Clients; events: Events },
  issuer: () => string,
): Authorization {
  /** Answers carry who answers, so that a client of several servers is not mixed up (RFC 9207). */
  function addressOf(redirectUri: string, state: string | undefined, members: Record<string, string>): string {
    const url = new URL(redirectUri)
    for (const [name, value] of Object.entries({ ...members, iss: issuer() })) url.searchParams.set(name, value)
    if (state !== undefined) url.searchParams.set('state', state)
    return url.href
  }

  const errorTo = (redirectUri: string, state: string | undefined, error: string, text?: string): Checked => ({
    kind: 'redirect',
    to: addressOf(redirectUri, state, { error, ...(text === undefined ? {} : { error_description: text }) }),
  })

  async function check(text: string): Promise<Checked> {
    const query = parse(text)
    if (!query) return { kind: 'refuse', reason: 'A parameter of the request comes twice.' }
    const client = query.client_id === undefined ? undefined : await clients.find(query.client_id)
    if (!client) return { kind: 'refuse', reason: 'No application is registered under this client_id.' }
    const redirectUri = query.redirect_uri
    if (redirectUri === undefined || !matchesRedirect(client.redirectUris, redirectUri))
      return { kind: 'refuse', reason: 'The redirect_uri is not one that the application has registered.' }
    const { state, nonce } = query
    const refuse = (error: string, text: string) => errorTo(redirectUri, state, error, text)
    if (query.response_type === undefined) return refuse('invalid_request', 'response_type is required.')
    if (query.response_type !== 'code') return refuse('unsupported_response_type', 'Only response_type=code is spoken.')
    if (!client.grants.includes('authorization_code')) return refuse('unauthorized_client', 'Not for this client.')
    if (query.response_mode !== undefined && query.response_mode !== 'query')
      return refuse('invalid_request', 'Only response_mode=query is spoken.')
    if (query.request !== undefined) return refuse('request_not_supported', 'Request objects are not spoken.')
    if (query.request_uri !== undefined) return refuse('request_uri_not_supported', 'Request objects are not spoken.')
    if (query.code_challenge_method !== 'S256' || !isChallenge(query.code_challenge ?? ''))
      return refuse('invalid_request', 'PKCE with code_challenge_method=S256 is required.')
    const scopes = parseScope(query.scope)
    const unknown = scopes.filter((scope) => !client.scopes.includes(scope))
    if (unknown.length > 0 || scopes.length === 0)
      return refuse('invalid_scope', `Not for this client: ${unknown.join(' ')}.`)
    const maxAge = query.max_age === undefined ? undefined : Number(query.max_age)
    if (query.max_age !== undefined && !/^\d{1,9}$/.test(query.max_age))
      return refuse('invalid_request', 'max_age is a number of seconds.')
    const request = {
      client,
      redirectUri,
      scopes,
      state,
      nonce,
      codeChallenge: query.code_challenge ?? '',
      prompts: parseScope(query.prompt),
      maxAgeMs: maxAge === undefined ? undefined : maxAge * 1000,
    }
    return { kind: 'ask', request }
  }

  /** What the client asks for and this person can give. */
  const granted = ({ scopes }: AuthorizationRequest, user: User) =>
    scopes.filter((scope) => isOpenIdScope(scope) || scopesOf(user.role).has(scope))

  async function consented(clientId: string, userId: string): Promise<string[]> {
    const [row] = await store.read
      .select()
      .from(oauthConsents)
      .where(and(eq(oauthConsents.clientId, clientId), eq(oauthConsents.userId, userId)))
    return (row?.scopes as string[] | undefined) ?? []
  }

  async function allowedBefore(request: AuthorizationRequest, user: User): Promise<boolean> {
    // Anybody can pose as an app that keeps no secret, so its person is asked each time (RFC 8252, section 8.6).
    if (request.prompts.includes('consent') || request.client.isPublic) return false
    const before = await consented(request.client.id, user.id)
    const wanted = granted(request, user)
    return wanted.length > 0 && wanted.every((scope) => before.includes(scope))
  }

  /** The session, if its proof is as recent as the client wants it. */
  async function recentEnough(request: AuthorizationRequest, sessionId: string) {
    const session = await identity.sessions.find(sessionId)
    if (!session) return undefined
    const age = clock() - session.verifiedAt
    if (request.maxAgeMs !== undefined && age > Math.max(request.maxAgeMs, JUST_NOW_MS.maxAge)) return undefined
    if (request.prompts.includes('login') && age > JUST_NOW_MS.login) return undefined
    return session
  }

  return {
    check,

    async describe(request, user) {
      return {
        client: { id: request.client.id, name: request.client.name },
        scopes: granted(request, user).map((scope) => ({ scope, description: describeScope(scope) })),
        allowedBefore: await allowedBefore(request, user),
      }
    },

    async decide(request, user, sessionId, allow, address) {
      const { client, redirectUri, state, codeChallenge, nonce } = request
      const note = { actor: user.id, action: 'oauth.authorize', subject: client.id, address }
      const scopes = granted(request, user)
      if (!allow || scopes.length === 0) {
        await store.write((tx) => identity.auditLog.audit(tx, { ...note, outcome: 'refused' }))
        return ok(addressOf(redirectUri, state, { error: allow ? 'invalid_scope' : 'access_denied' }))
      }
      const session = await recentEnough(request, sessionId)
      if (!session) return fail('step_up_required')
      const before = await consented(client.id, user.id)
      const all = [...new Set([...before, ...scopes])]
      const code = newToken(random)
      await store.write(async (tx) => {
        await tx.insert(oauthCodes).values({
          hash: hashOfToken(code),
          clientId: client.id,
          userId: user.id,
          redirectUri,
          scopes,
          codeChallenge,
          nonce: nonce ?? null,
          verifiedAt: session.verifiedAt,
          methods: session.methods,
          grantedIn: session.id,
          createdAt: clock(),
          expiresAt: clock() + CODE_LIFETIME_MS,
          usedAt: null,
          sessionId: null,
        })
        await tx
          .insert(oauthConsents)
          .values({ userId: user.id, clientId: client.id, scopes: all, createdAt: clock() })
          .onConflictDoUpdate({ target: [oauthConsents.userId, oauthConsents.clientId], set: { scopes: all } })
        if (before.length === 0)
          await events.append(tx, securityChanged, user.id, { userId: user.id, change: 'application_allowed' })
        await identity.auditLog.audit(tx, { ...note, outcome: 'allowed', detail: { scopes } })
      })
      return ok(addressOf(redirectUri, state, { code }))
    },

    async silent(request, user, sessionId) {
      const { redirectUri, state, prompts } = request
      if (!prompts.includes('none')) return undefined
      const error = (name: string) => addressOf(redirectUri, state, { error: name })
      if (prompts.length > 1) return error('invalid_request')
      if (!user || sessionId === undefined || !(await recentEnough(request, sessionId))) return error('login_required')
      if (!(await allowedBefore(request, user))) return error('consent_required')
      return undefined
    },
  }
}

/** Nothing, if a parameter comes twice: it would say two things. */
function parse(text: string): AuthorizationQuery | undefined {
  const query: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(text)) {
    if (Object.hasOwn(query, name)) return undefined
    query[name] = value
  }
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))
}
