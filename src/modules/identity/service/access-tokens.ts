/**
 * Access tokens: JWTs of 15 minutes (RFC 9068) that name the user and the session. Everything that a token could be
 * swapped for is pinned: the algorithm, the type, the issuer, the audience, and the claims that must be there.
 */
import { errors, jwtVerify, SignJWT } from 'jose'
import type { Runtime } from '../../../platform/runtime'

export const ACCESS_LIFETIME_S = 15 * 60
const AUDIENCE = 'kumbu-api'
const TOKEN_TYPE = 'at+jwt'
const ALGORITHM = 'HS256'

export interface AccessClaims {
  sub: string
  sid: string
  role: string
  iat: number
  exp: number
}

export interface AccessTokenOf {
  sessionId: string
  userId: string
  role: string
  clientId?: string | undefined
  scope?: string | undefined
}

export interface AccessTokens {
  sign(of: AccessTokenOf): Promise<string>
  /** What the token says, if it is one of ours and has not expired. Whether its session is open is another question. */
  verify(token: string): Promise<AccessClaims | undefined>
}

export function createAccessTokens({ clock, keyring }: Runtime, issuer: string): AccessTokens {
  const key = keyring.derive('access-token')
  return {
    sign({ sessionId, userId, role, clientId, scope }) {
      const now = Math.floor(clock() / 1000)
      const ofClient = clientId === undefined ? {} : { client_id: clientId, scope }
      return new SignJWT({ sid: sessionId, role, ...ofClient })
        .setProtectedHeader({ alg: ALGORITHM, typ: TOKEN_TYPE })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(AUDIENCE)
        .setIssuedAt(now)
        .setExpirationTime(now + ACCESS_LIFETIME_S)
        .sign(key)
    },

    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          issuer,
          audience: AUDIENCE,
          typ: TOKEN_TYPE,
          requiredClaims: ['sub', 'sid', 'role', 'exp', 'iat'],
          currentDate: new Date(clock()),
        })
        return payload as unknown as AccessClaims
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined
        throw error
      }
    },
  }
}
