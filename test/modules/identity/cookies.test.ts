/** Sessions of browser screens: cookies that no script and no other site can use. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { type Answer, createWorld, PASSWORD, type World } from '../../support/world'
import { type Acts, actsIn } from './acts'

let world: World
let acts: Acts

beforeAll(async () => {
  world = await createWorld()
  acts = actsIn(world)
})
afterAll(() => world.end())

interface Cookie {
  name: string
  value: string
  /** The rest, in lower case. */
  attributes: string[]
}

function cookiesOf({ headers }: Answer): Cookie[] {
  return headers.getSetCookie().map((line) => {
    const [pair = '', ...attributes] = line.split('; ')
    const at = pair.indexOf('=')
    return { name: pair.slice(0, at), value: pair.slice(at + 1), attributes: attributes.map((a) => a.toLowerCase()) }
  })
}

const jar = (cookies: Cookie[]) => cookies.map(({ name, value }) => `${name}=${value}`).join('; ')

interface Screen {
  email: string
  cookie: string
  csrfToken: string
  cookies: Cookie[]
}

async function screen(): Promise<Screen> {
  const { email } = await acts.account()
  const answer = await acts.login(email, PASSWORD, { session: 'cookie' })
  expect(answer.status).toBe(200)
  const cookies = cookiesOf(answer)
  return { email, cookie: jar(cookies), csrfToken: answer.body.csrfToken, cookies }
}

const rename = (cookie: string, headers: Record<string, string> = {}) =>
  world.call('PATCH', '/api/v1/auth/profile', { body: { name: 'New name' }, headers: { cookie, ...headers } })
const look = (cookie: string) => world.call('GET', '/api/v1/auth/profile', { headers: { cookie } })
const refresh = (cookie: string, headers: Record<string, string> = {}) =>
  acts.post('/refresh', {}, { headers: { cookie, ...headers } })
const logout = (cookie: string, headers: Record<string, string> = {}) =>
  acts.post('/logout', {}, { headers: { cookie, ...headers } })

describe('signing in with a cookie', () => {
  test('answers no token: they are in cookies that no script can read', async () => {
    const { email } = await acts.account()
    const answer = await acts.login(email, PASSWORD, { session: 'cookie' })
    const { accessToken, refreshToken, deviceToken, csrfToken } = answer.body
    expect([accessToken, refreshToken, deviceToken]).toEqual([undefined, undefined, undefined])
    expect(csrfToken).toBeString()
    const cookies = cookiesOf(answer)
    expect(cookies.map(({ name }) => name).sort()).toEqual(['kumbu_device', 'kumbu_refresh', 'kumbu_session'])
    for (const { value, attributes } of cookies) {
      expect(attributes).toContain('httponly')
      expect(attributes.some((attribute) => attribute.startsWith('domain'))).toBe(false)
      expect(JSON.stringify(answer.body)).not.toContain(value)
    }
  })

  test('the session’s comes along when a link leads here; the others stay with this site and its sign-in', async () => {
    const { cookies } = await screen()
    const of = (name: string) => cookies.find((cookie) => cookie.name === name)?.attributes ?? []
    expect(of('kumbu_session')).toEqual(['path=/', 'max-age=900', 'httponly', 'samesite=lax'])
    expect(of('kumbu_refresh')).toEqual(['path=/api/v1/auth', 'max-age=604800', 'httponly', 'samesite=strict'])
    expect(of('kumbu_device')).toContain('samesite=strict')
  })

  test('with HTTPS they are Secure, and carry the prefixes that keep other hosts from setting them', async () => {
    const safe = await createWorld({ 'public-url': 'https://kumbu.example' })
    try {
      const { email } = await actsIn(safe).account()
      const answer = await actsIn(safe).login(email, PASSWORD, { session: 'cookie' })
      const cookies = cookiesOf(answer)
      expect(cookies.map(({ name }) => name).sort()).toEqual([
        '__Host-kumbu_session',
        '__Secure-kumbu_device',
        '__Secure-kumbu_refresh',
      ])
      for (const { attributes } of cookies) expect(attributes).toContain('secure')
      expect(answer.headers.get('strict-transport-security')).toBe('max-age=31536000')
      const seen = await safe.call('GET', '/api/v1/auth/profile', { headers: { cookie: jar(cookies) } })
      expect(seen.status).toBe(200)
      const plain = jar(cookies).replaceAll('__Host-', '').replaceAll('__Secure-', '')
      const unsafe = await safe.call('GET', '/api/v1/auth/profile', { headers: { cookie: plain } })
      expectProblem(unsafe, 401, 'unauthenticated')
    } finally {
      await safe.end()
    }
  })

  test('without it, a token is answered and no cookie is set', async () => {
    const { email } = await acts.account()
    const answer = await acts.login(email)
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(answer.body.accessToken).toBeString()
  })
})

describe('a request with the session’s cookie', () => {
  test('that only looks needs no more', async () => {
    expect((await look((await screen()).cookie)).status).toBe(200)
  })

  test('that changes something needs the session’s CSRF token', async () => {
    const [mine, other] = [await screen(), await screen()]
    expectProblem(await rename(mine.cookie), 403, 'csrf_token_invalid')
    for (const wrong of ['', 'x', `${mine.csrfToken}x`, mine.csrfToken.slice(1), other.csrfToken])
      expectProblem(await rename(mine.cookie, { 'x-csrf-token': wrong }), 403, 'csrf_token_invalid')
    expect((await look(mine.cookie)).body.name).not.toBe('New name')
    expect((await rename(mine.cookie, { 'x-csrf-token': mine.csrfToken })).status).toBe(200)
  })

  test.each(['cross-site', 'same-site'])(
    'that a browser calls %s is refused, with the right CSRF token too',
    async (site) => {
      const { cookie, csrfToken } = await screen()
      const headers = { 'x-csrf-token': csrfToken, 'sec-fetch-site': site }
      expectProblem(await rename(cookie, headers), 403, 'csrf_token_invalid')
    },
  )

  test.each(['same-origin', 'none'])('that a browser calls %s is served', async (site) => {
    const { cookie, csrfToken } = await screen()
    expect((await rename(cookie, { 'x-csrf-token': csrfToken, 'sec-fetch-site': site })).status).toBe(200)
  })

  test('may ask for the CSRF token anew; nobody else may', async () => {
    const { cookie, csrfToken } = await screen()
    const asked = await world.call('GET', '/api/v1/auth/csrf', { headers: { cookie } })
    expect(asked.body).toEqual({ csrfToken })
    expectProblem(await world.call('GET', '/api/v1/auth/csrf'), 401, 'unauthenticated')
  })

  test('with a bearer token needs none: no other site can send that', async () => {
    const { token } = await acts.somebody()
    const answer = await world.call('PATCH', '/api/v1/auth/profile', { token, body: { name: 'By token' } })
    expect(answer.status).toBe(200)
  })

  test('that is made up is a stranger’s', async () => {
    for (const cookie of ['kumbu_session=x', 'kumbu_session=', 'kumbu_session', '=;=', 'x'.repeat(4_000)])
      expectProblem(await look(cookie), 401, 'unauthenticated')
  })
})

describe('refreshing by the cookie', () => {
  test('sets new ones, answers no token, and keeps the CSRF token', async () => {
    const { cookie, csrfToken } = await screen()
    const answer = await refresh(cookie)
    expect(answer.status).toBe(200)
    expect(answer.body.accessToken).toBeUndefined()
    expect(answer.body.refreshToken).toBeUndefined()
    expect(answer.body.csrfToken).toBe(csrfToken)
    const renewed = jar(cookiesOf(answer))
    expect((await rename(renewed, { 'x-csrf-token': csrfToken })).status).toBe(200)
  })

  test('is refused when another site makes the request, and without a cookie', async () => {
    const { cookie } = await screen()
    for (const site of ['cross-site', 'same-site'])
      expectProblem(await refresh(cookie, { 'sec-fetch-site': site }), 403, 'csrf_token_invalid')
    expectProblem(await refresh(''), 401, 'refresh_token_invalid')
    expect((await refresh(cookie)).status).toBe(200)
  })

  test('takes no access token for it', async () => {
    const { cookies } = await screen()
    const session = cookies.find(({ name }) => name === 'kumbu_session')?.value
    expectProblem(await refresh(`kumbu_refresh=${session}`), 401, 'refresh_token_invalid')
  })
})

describe('signing out by the cookie', () => {
  test('ends the session and clears the cookies', async () => {
    const { cookie } = await screen()
    const answer = await logout(cookie)
    expect(answer.status).toBe(204)
    const cleared = cookiesOf(answer)
    expect(cleared.map(({ name, value }) => [name, value]).sort()).toEqual([
      ['kumbu_refresh', ''],
      ['kumbu_session', ''],
    ])
    for (const { attributes } of cleared) expect(attributes).toContain('max-age=0')
    expectProblem(await look(cookie), 401, 'unauthenticated')
    expectProblem(await refresh(cookie), 401, 'refresh_token_invalid')
  })

  test('is not done by another site', async () => {
    const { cookie } = await screen()
    expectProblem(await logout(cookie, { 'sec-fetch-site': 'cross-site' }), 403, 'csrf_token_invalid')
    expect((await look(cookie)).status).toBe(200)
  })

  test('everywhere needs the CSRF token, as every change does', async () => {
    const { cookie, csrfToken } = await screen()
    const all = (headers: Record<string, string>) =>
      world.call('DELETE', '/api/v1/auth/sessions', { headers: { cookie, ...headers } })
    expectProblem(await all({}), 403, 'csrf_token_invalid')
    expect((await all({ 'x-csrf-token': csrfToken })).status).toBe(204)
    expectProblem(await look(cookie), 401, 'unauthenticated')
  })
})
