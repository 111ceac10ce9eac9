/** What the tests of OAuth share: an application that asks as RFC 6749 says, and a browser in which a person answers. */
import { expect } from 'bun:test'
import type { Answer, Person, World } from '../../support/world'

export const CALLBACK = 'https://shop.example/callback'
export const ISSUER = 'http://localhost:3000'
export const VERIFIER = 'a-verifier-of-43-characters-or-more-as-the-rfc-demands'
export const CHALLENGE = new Bun.CryptoHasher('sha256').update(VERIFIER).digest('base64url')
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

export interface Application {
  id: string
  secret: string | null
}

export type Fields = Readonly<Record<string, string | undefined>>

export interface Granted {
  access_token: string
  refresh_token: string
  id_token: string
  scope: string
  expires_in: number
  token_type: string
}

export const basicOf = ({ id, secret }: Application): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})

/** A form or a query of the fields that have a value. */
export function formOf(fields: Fields): string {
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined)
  return new URLSearchParams(given).toString()
}

export type OAuthHands = ReturnType<typeof oauthHands>

export function oauthHands(world: World) {
  const signedInAt = new Map<string, number>()

  /** Signs the people in again whose proof has grown old: the tests move the clock. */
  async function renew(...people: Person[]): Promise<void> {
    for (const person of people) {
      if (world.clock() - (signedInAt.get(person.id) ?? 0) < 4 * MINUTE) continue
      person.token = await world.signIn(person.email)
      signedInAt.set(person.id, world.clock())
    }
  }

  async function register(operator: Person, fields: object = {}): Promise<Application> {
    await renew(operator)
    const { status, body } = await world.call('POST', '/api/v1/oauth/clients', {
      token: operator.token,
      body: {
        name: 'Shop till',
        redirectUris: [CALLBACK],
        grants: ['authorization_code', 'refresh_token'],
        scopes: ['openid', 'profile', 'email', 'phone', 'wallet:read', 'profile:read'],
        ...fields,
      },
    })
    expect({ status, code: body.code }).toEqual({ status: 201, code: undefined })
    return { id: body.id, secret: body.clientSecret }
  }

  /** A form, as it is sent; without an application, nobody authenticates in the header. */
  const send = (path: string, form: string, by?: Application, headers: Record<string, string> = {}): Promise<Answer> =>
    world.call('POST', path, {
      body: form,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(by?.secret ? basicOf(by) : {}),
        ...headers,
      },
    })

  /** A confidential application authenticates in the header, a public one names itself. */
  const form = (path: string, by: Application, fields: Fields): Promise<Answer> =>
    send(path, formOf({ ...(by.secret === null ? { client_id: by.id } : {}), ...fields }), by)

  const queryOf = ({ id }: Application, fields: Fields = {}): string =>
    formOf({
      response_type: 'code',
      client_id: id,
      redirect_uri: CALLBACK,
      scope: 'openid wallet:read',
      state: 'st-1',
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
      ...fields,
    })

  const decide = (token: string, query: string, allow = true): Promise<Answer> =>
    world.call('POST', '/api/v1/oauth/authorization', { token, body: { allow, query } })

  /** The address that the browser opens; the person is signed in there, or nobody is. */
  const open = (query: string, session?: string): Promise<Answer> =>
    world.call('GET', `/oauth/authorize?${query}`, {
      headers: session === undefined ? {} : { cookie: `kumbu_session=${session}` },
    })

  async function codeFor(by: Application, token: string, fields: Fields = {}): Promise<string> {
    const { status, body } = await decide(token, queryOf(by, fields))
    expect({ status, code: body.code }).toEqual({ status: 200, code: undefined })
    const code = new URL(body.redirectTo).searchParams.get('code')
    expect(code).toBeString()
    return code as string
  }

  const exchange = (by: Application, code: string, fields: Fields = {}): Promise<Answer> =>
    form('/oauth/token', by, {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: VERIFIER,
      ...fields,
    })

  async function letIn(by: Application, token: string, fields: Fields = {}): Promise<Granted> {
    const { status, body } = await exchange(by, await codeFor(by, token, fields))
    expect({ status, error: body.error }).toEqual({ status: 200, error: undefined })
    return body
  }

  const refresh = (by: Application, refreshToken: string, fields: Fields = {}): Promise<Answer> =>
    form('/oauth/token', by, { grant_type: 'refresh_token', refresh_token: refreshToken, ...fields })

  const machine = (by: Application, fields: Fields = {}): Promise<Answer> =>
    form('/oauth/token', by, { grant_type: 'client_credentials', ...fields })

  const introspect = (by: Application, token: string): Promise<Answer> => form('/oauth/introspect', by, { token })
  const revoke = (by: Application, token: string, fields: Fields = {}): Promise<Answer> =>
    form('/oauth/revoke', by, { token, ...fields })

  const balance = (token: string): Promise<Answer> => world.call('GET', '/api/v1/wallet/me/balance', { token })
  const userInfo = (token: string): Promise<Answer> => world.call('GET', '/oauth/userinfo', { token })

  return {
    renew,
    register,
    send,
    form,
    queryOf,
    decide,
    open,
    codeFor,
    exchange,
    letIn,
    refresh,
    machine,
    introspect,
    revoke,
    balance,
    userInfo,
  }
}

/** A refusal as RFC 6749, section 5.2, describes it. */
export function expectRefused({ status, headers, body }: Answer, error: string, expected = 400): void {
  expect({ status, error: body?.error }).toEqual({ status: expected, error })
  expect(headers.get('content-type')).toStartWith('application/json')
  expect(headers.get('cache-control')).toBe('no-store')
}

/** The parameters with which the browser is sent back to the application. */
export function sentBack(address: string, to = CALLBACK): Record<string, string> {
  expect(address).toStartWith(`${to}?`)
  return Object.fromEntries(new URL(address).searchParams)
}
