/** The addresses that OAuth clients speak to. Their requests are forms and their errors those of the RFCs. */
import { Elysia } from 'elysia'
import { contextOf, principalOf } from '../../../platform/http/context'
import { type RateLimiter, takeForFactor } from '../../../platform/http/rate-limit'
import type { RouteWords } from '../../../platform/http/route'
import type { Result } from '../../../platform/result'
import { type OAuthError, oauthErrors } from '../failures'
import {
  errorModel,
  introspectionModel,
  openModel,
  tokenForm,
  tokenModel,
  tokenParamForm,
  userInfoModel,
} from '../model'
import { clientScopes } from '../scopes'
import type { OAuth } from '../service'
import type { Client } from '../service/clients'
import type { Form } from '../service/tokens'

const TAG = 'OAuth'
/** Wrong secrets from one address at one client in a minute. */
const SECRET_TRIES = 10
const DOCUMENT_AGE_S = 3_600

class Refusal extends Error {
  constructor(
    readonly code: OAuthError,
    readonly text?: string,
  ) {
    super(text ?? code)
  }
}

/** The client's credentials: of the header or of the body, never of both (RFC 6749, section 2.3). */
function credentialsOf(request: Request, form: Form): { id: string; secret: string | undefined } {
  const header = request.headers.get('authorization')
  if (header === null) {
    if (form.client_id === undefined) throw new Refusal('invalid_client', 'Which client is it?')
    return { id: form.client_id, secret: form.client_secret }
  }
  const basic = /^Basic ([A-Za-z0-9+/]+=*)$/i.exec(header)?.[1]
  if (basic === undefined) throw new Refusal('invalid_client', 'A client authenticates by HTTP Basic, or in the body.')
  if (form.client_secret !== undefined)
    throw new Refusal('invalid_request', 'A client authenticates in one way: HTTP Basic, or in the body.')
  const text = Buffer.from(basic, 'base64').toString()
  const at = text.indexOf(':')
  if (at < 0) throw new Refusal('invalid_client')
  const [id, secret] = [text.slice(0, at), text.slice(at + 1)].map(formDecoded) as [string, string]
  if (form.client_id !== undefined && form.client_id !== id)
    throw new Refusal('invalid_request', 'Two clients at once.')
  return { id, secret }
}

function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new Refusal('invalid_client')
  }
}

function unwrapOAuth<Value>(result: Result<Value, OAuthError>): Value {
  if (result.ok) return result.value
  throw new Refusal(result.code, result.detail)
}

async function answered(request: Request, work: () => Promise<object | undefined>): Promise<Response> {
  const headers = { 'cache-control': 'no-store', pragma: 'no-cache' }
  try {
    const answer = await work()
    return answer === undefined ? new Response(null, { status: 200, headers }) : Response.json(answer, { headers })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    contextOf(request).problem = error.code
    const status = oauthErrors[error.code]
    const challenge = status === 401 ? { 'www-authenticate': 'Basic realm="kumbu"' } : {}
    const { code, text } = error
    return Response.json(
      { error: code, ...(text === undefined ? {} : { error_description: text }) },
      { status, headers: { ...headers, ...challenge } },
    )
  }
}

const document = (value: object) => Response.json(value, { headers: { 'cache-control': `max-age=${DOCUMENT_AGE_S}` } })

export function protocolRoutes(oauth: OAuth, { route }: RouteWords, limiter: RateLimiter | undefined) {
  const { clients, tokens, keys } = oauth

  async function clientOf(request: Request, form: Form): Promise<Client> {
    const { id, secret } = credentialsOf(request, form)
    const client = await clients.authenticate(id, secret)
    if (client) return client
    if (limiter) takeForFactor(limiter, `client ${id.slice(0, 40)} ${contextOf(request).address}`, SECRET_TRIES)
    throw new Refusal('invalid_client')
  }

  const userInfo = ({ request }: { request: Request }) => {
    const { userId, sessionId } = principalOf(request)
    return tokens.userInfo(userId, sessionId)
  }

  const discovery = () => {
    const issuer = oauth.issuer()
    return document({
      issuer,
      authorization_endpoint: `${issuer}/oauth/authorize`,
      token_endpoint: `${issuer}/oauth/token`,
      revocation_endpoint: `${issuer}/oauth/revoke`,
      introspection_endpoint: `${issuer}/oauth/introspect`,
      userinfo_endpoint: `${issuer}/oauth/userinfo`,
      jwks_uri: `${issuer}/oauth/jwks`,
      service_documentation: `${issuer}/swagger`,
      scopes_supported: clientScopes,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      code_challenge_methods_supported: ['S256'],
      claims_supported: [
        'sub',
        'name',
        'updated_at',
        'email',
        'email_verified',
        'phone_number',
        'phone_number_verified',
      ],
      prompt_values_supported: ['none', 'login', 'consent'],
      authorization_response_iss_parameter_supported: true,
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
    })
  }

  return new Elysia({ name: 'oauth-protocol', normalize: false })
    .post(
      '/oauth/token',
      ({ body, request }) =>
        answered(request, async () => {
          const client = await clientOf(request, body as Form)
          return unwrapOAuth(await tokens.grant(client, body as Form, contextOf(request).address))
        }),
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          form: true,
          summary: 'Tokens for a code, a refresh token, or the client’s own credentials',
          description:
            'RFC 6749, with PKCE (RFC 7636). The client authenticates with HTTP Basic or in the body; a public one sends its client_id.',
        }),
        body: tokenForm,
        response: {
          200: tokenModel,
          400: errorModel(
            'invalid_request',
            'invalid_grant',
            'invalid_scope',
            'unauthorized_client',
            'unsupported_grant_type',
          ),
          401: errorModel('invalid_client'),
        },
      },
    )
    .post(
      '/oauth/revoke',
      ({ body, request }) =>
        answered(request, async () => {
          const form = body as Form
          const client = await clientOf(request, form)
          if (form.token === undefined) throw new Refusal('invalid_request', 'token is required.')
          await tokens.revoke(client, form.token)
          return undefined
        }),
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          form: true,
          summary: 'Revoke a token',
          description: 'RFC 7009. Access and refresh token end together, at once; a token that is none is no error.',
        }),
        body: tokenParamForm,
        response: { 200: openModel, 400: errorModel('invalid_request'), 401: errorModel('invalid_client') },
      },
    )
    .post(
      '/oauth/introspect',
      ({ body, request }) =>
        answered(request, async () => {
          const form = body as Form
          const client = await clientOf(request, form)
          if (client.isPublic) throw new Refusal('invalid_client', 'A public client proves nothing of itself.')
          if (form.token === undefined) throw new Refusal('invalid_request', 'token is required.')
          return tokens.introspect(client, form.token)
        }),
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          form: true,
          summary: 'What a token of mine is worth',
          description: 'RFC 7662. A client is told of its own tokens; any other is `{"active": false}`.',
        }),
        body: tokenParamForm,
        response: { 200: introspectionModel, 400: errorModel('invalid_request'), 401: errorModel('invalid_client') },
      },
    )
    .get('/oauth/userinfo', userInfo, {
      ...route({ scopes: ['openid'], tag: TAG, summary: 'Who allowed this access (OpenID Connect)' }),
      response: { 200: userInfoModel },
    })
    .post('/oauth/userinfo', userInfo, {
      ...route({ scopes: ['openid'], tag: TAG, summary: 'The same by POST, for clients that ask so' }),
      response: { 200: userInfoModel },
    })
    .get('/oauth/jwks', async () => document(await keys.published()), {
      ...route({ scopes: 'public', tag: TAG, summary: 'The keys that sign ID tokens' }),
      response: { 200: openModel },
    })
    .get('/.well-known/openid-configuration', discovery, {
      ...route({ scopes: 'public', tag: TAG, summary: 'Discovery (OpenID Connect)' }),
      response: { 200: openModel },
    })
    .get('/.well-known/oauth-authorization-server', discovery, {
      ...route({ scopes: 'public', tag: TAG, summary: 'Discovery (RFC 8414)' }),
      response: { 200: openModel },
    })
}
