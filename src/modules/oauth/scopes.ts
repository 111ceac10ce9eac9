/** What a client may ask for: the scopes of the routes, and those of OpenID Connect. */
import { OWN_HANDS_ONLY, openIdScopes, scopes } from '../identity'

const describedScopes: Readonly<Record<string, string>> = { ...openIdScopes, ...scopes }

/** Every scope that a client can have. */
export const clientScopes = Object.keys(describedScopes).filter((scope) => !OWN_HANDS_ONLY.has(scope))

export const isClientScope = (scope: string): boolean => clientScopes.includes(scope)

export const isOpenIdScope = (scope: string): boolean => Object.hasOwn(openIdScopes, scope)

export const describeScope = (scope: string): string => describedScopes[scope] ?? scope

/** Scopes travel as one text, parted by spaces (RFC 6749, section 3.3). */
export const parseScope = (text: string | undefined): string[] => [
  ...new Set((text ?? '').split(' ').filter((scope) => scope !== '')),
]
