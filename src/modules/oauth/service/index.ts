/** OAuth 2.0 and OpenID Connect, put together. */
import type { Events } from '../../../platform/events'
import type { Runtime } from '../../../platform/runtime'
import type { Identity } from '../../identity'
import { type Authorization, createAuthorization } from './authorization'
import { type Clients, createClients } from './clients'
import { createKeys, type Keys } from './keys'
import { createOAuthTokens, type OAuthTokens } from './tokens'

export interface OAuth {
  clients: Clients
  authorization: Authorization
  tokens: OAuthTokens
  keys: Keys
  issuer: () => string
}

/** `issuer` answers the address of this instance; discovery, answers and ID tokens carry it. */
export function createOAuth(
  runtime: Runtime,
  { identity, events }: { identity: Identity; events: Events },
  issuer: () => string,
): OAuth {
  const clients = createClients(runtime, identity)
  const keys = createKeys(runtime)
  return {
    clients,
    keys,
    issuer,
    authorization: createAuthorization(runtime, { identity, clients, events }, issuer),
    tokens: createOAuthTokens(runtime, { identity, clients, keys }, issuer),
  }
}
