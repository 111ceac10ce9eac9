/**
 * Sessions of browser screens travel in cookies that no script can read. A request that changes something must also
 * carry the session's CSRF token in a header, which another site can neither read nor set; and the cookies are not sent
 * with requests that other sites make, except that the session's comes along when a link leads here (`SameSite=Lax`),
 * so that an application can ask whether the person is signed in.
 */
import { contextOf } from './context'

const SESSION = 'kumbu_session'
const REFRESH = 'kumbu_refresh'
const DEVICE = 'kumbu_device'
/** Only these routes need the refresh token and the device's. */
const SIGN_IN_PATH = '/api/v1/auth'
const REFRESH_AGE_S = 7 * 86_400
const DEVICE_AGE_S = 400 * 86_400

export const CSRF_HEADER = 'x-csrf-token'

export interface SessionCookies {
  accessToken: string
  refreshToken: string
  /** Seconds until the access token expires. */
  expiresIn: number
}

export interface Cookies {
  accessToken(request: Request): string | undefined
  refreshToken(request: Request): string | undefined
  deviceToken(request: Request): string | undefined
  setSession(request: Request, session: SessionCookies): void
  setDevice(request: Request, token: string): void
  clearSession(request: Request): void
}

/** Whether a browser says that another site made the request. */
export function isCrossSite(request: Request): boolean {
  const site = request.headers.get('sec-fetch-site')
  return site !== null && site !== 'same-origin' && site !== 'none'
}

/** With HTTPS the names carry prefixes that keep other hosts of the domain from setting them (RFC 6265bis, 4.1.3). */
export function createCookies({ https }: { https: boolean }): Cookies {
  const session = https ? `__Host-${SESSION}` : SESSION
  const refresh = https ? `__Secure-${REFRESH}` : REFRESH
  const device = https ? `__Secure-${DEVICE}` : DEVICE

  const add = (request: Request, name: string, value: string, path: string, ageS: number) =>
    contextOf(request).cookies.push(
      `${name}=${value}; Path=${path}; Max-Age=${ageS}; HttpOnly; SameSite=${name === session ? 'Lax' : 'Strict'}${https ? '; Secure' : ''}`,
    )

  return {
    accessToken: (request) => cookieOf(request, session),
    refreshToken: (request) => cookieOf(request, refresh),
    deviceToken: (request) => cookieOf(request, device),
    setSession(request, { accessToken, refreshToken, expiresIn }) {
      add(request, session, accessToken, '/', expiresIn)
      add(request, refresh, refreshToken, SIGN_IN_PATH, REFRESH_AGE_S)
    },
    setDevice: (request, token) => add(request, device, token, SIGN_IN_PATH, DEVICE_AGE_S),
    clearSession(request) {
      add(request, session, '', '/', 0)
      add(request, refresh, '', SIGN_IN_PATH, 0)
    },
  }
}

function cookieOf(request: Request, name: string): string | undefined {
  const header = request.headers.get('cookie')
  if (header === null) return undefined
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim() || undefined
  }
  return undefined
}
