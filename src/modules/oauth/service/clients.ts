/** OAuth clients: who registered, what each may ask for and where it may be answered; and how one proves to be itself. */
import { asc, eq, isNull } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { sameHash } from '../../../platform/security/keyring'
import { hashOfToken, newToken } from '../../../platform/security/tokens'
import type { Identity } from '../../identity'
import type { OAuthApiCode } from '../failures'
import { oauthClients } from '../schema'
import { isClientScope } from '../scopes'
import { isRedirectUri } from './redirects-and-pkce'

export type Grant = 'authorization_code' | 'refresh_token' | 'client_credentials'

export interface Client {
  id: string
  name: string
  /** A public client (an app on somebody's device) can keep no secret. */
  isPublic: boolean
  redirectUris: string[]
  grants: Grant[]
  scopes: string[]
  /** The account that it acts as with its own credentials. */
  userId: string | null
  createdAt: number
}

export interface NewClient {
  name: string
  isPublic: boolean
  redirectUris: string[]
  grants: Grant[]
  scopes: string[]
  userId?: string | undefined
}

type MakeCode = Extract<
  OAuthApiCode,
  'redirect_uri_invalid' | 'scope_not_grantable' | 'grants_invalid' | 'client_user_invalid'
>

export interface Clients {
  make(
    input: NewClient,
    actor: string,
    address: string,
  ): Promise<Result<Client & { secret: string | undefined }, MakeCode>>
  list(): Promise<Client[]>
  find(id: string): Promise<Client | undefined>
  /** Within a unit that lets it in: whether it still may. */
  isOpen(tx: Tx, id: string): Promise<boolean>
  /** The client, if this is its secret; a public one has none and gives none. */
  authenticate(id: string, secret: string | undefined): Promise<Client | undefined>
  newSecret(id: string, actor: string, address: string): Promise<Result<string, 'client_not_found' | 'grants_invalid'>>
  /** What was issued to it ends with it. */
  revoke(id: string, actor: string, address: string): Promise<Result<true, 'client_not_found'>>
}

/** Roles that no person has, so that nobody is acted for without knowing it. */
const MACHINES = new Set(['atm', 'biller'])

type Row = typeof oauthClients.$inferSelect

export function createClients({ store, clock, newId, random }: Runtime, identity: Identity): Clients {
  const { auditLog, sessions } = identity

  const note = (tx: Tx, actor: string, action: string, subject: string, address: string) =>
    auditLog.audit(tx, { actor, action, subject, outcome: 'allowed', address })

  async function row(id: string): Promise<Row | undefined> {
    const [found] = await store.read.select().from(oauthClients).where(eq(oauthClients.id, id))
    return found && found.revokedAt === null ? found : undefined
  }

  /** Why a client cannot be so, if it cannot. */
  async function refusal(input: NewClient): Promise<Result<true, MakeCode>> {
    const { isPublic, redirectUris, grants, scopes, userId } = input
    const wrongUri = redirectUris.find((uri) => !isRedirectUri(uri))
    if (wrongUri !== undefined) return fail('redirect_uri_invalid', `"${wrongUri}" cannot be redirected to.`)
    const refused = scopes.filter((scope) => !isClientScope(scope))
    if (refused.length > 0) return fail('scope_not_grantable', `No application may have ${refused.join(' ')}.`)
    const asPerson = grants.includes('authorization_code')
    const asItself = grants.includes('client_credentials')
    if (isPublic && asItself) return fail('grants_invalid', 'A public client has no credentials of its own.')
    if (asPerson !== redirectUris.length > 0)
      return fail('grants_invalid', 'authorization_code needs a redirect URI, and nothing else has one.')
    if (grants.includes('refresh_token') && !asPerson)
      return fail('grants_invalid', 'refresh_token needs authorization_code.')
    if (asItself !== (userId !== undefined))
      return fail('client_user_invalid', 'client_credentials needs the userId of the account that it acts as.')
    const user = userId === undefined ? undefined : await identity.find(userId)
    if (asItself && (user?.status !== 'active' || !MACHINES.has(user.role))) return fail('client_user_invalid')
    return ok(true)
  }

  return {
    async make(input, actor, address) {
      const possible = await refusal(input)
      if (!possible.ok) return possible
      const secret = input.isPublic ? undefined : newToken(random)
      const made: Row = {
        id: newId('cli'),
        name: input.name,
        secretHash: secret === undefined ? null : hashOfToken(secret),
        redirectUris: input.redirectUris,
        grants: input.grants,
        scopes: input.scopes,
        userId: input.userId ?? null,
        createdBy: actor,
        createdAt: clock(),
        revokedAt: null,
      }
      await store.write(async (tx) => {
        await tx.insert(oauthClients).values(made)
        await note(tx, actor, 'oauth_client.make', made.id, address)
      })
      return ok({ ...clientOf(made), secret })
    },

    async list() {
      const rows = await store.read
        .select()
        .from(oauthClients)
        .where(isNull(oauthClients.revokedAt))
        .orderBy(asc(oauthClients.id))
      return rows.map(clientOf)
    },

    async find(id) {
      const found = await row(id)
      return found && clientOf(found)
    },

    async isOpen(tx, id) {
      const [found] = await tx.select().from(oauthClients).where(eq(oauthClients.id, id))
      return found?.revokedAt === null
    },

    async authenticate(id, secret) {
      const found = await row(id)
      if (!found) return undefined
      if (found.secretHash === null) return secret === undefined ? clientOf(found) : undefined
      return secret !== undefined && sameHash(found.secretHash, hashOfToken(secret)) ? clientOf(found) : undefined
    },

    async newSecret(id, actor, address) {
      const found = await row(id)
      if (!found) return fail('client_not_found')
      if (found.secretHash === null) return fail('grants_invalid', 'A public client has no secret.')
      const secret = newToken(random)
      await store.write(async (tx) => {
        await tx
          .update(oauthClients)
          .set({ secretHash: hashOfToken(secret) })
          .where(eq(oauthClients.id, id))
        await note(tx, actor, 'oauth_client.new_secret', id, address)
      })
      return ok(secret)
    },

    async revoke(id, actor, address) {
      if (!(await row(id))) return fail('client_not_found')
      await store.write(async (tx) => {
        await tx.update(oauthClients).set({ revokedAt: clock() }).where(eq(oauthClients.id, id))
        await sessions.revokeOfClient(tx, id, 'client_revoked')
        await note(tx, actor, 'oauth_client.revoke', id, address)
      })
      return ok(true)
    },
  }
}

function clientOf({ id, name, secretHash, redirectUris, grants, scopes, userId, createdAt }: Row): Client {
  return {
    id,
    name,
    isPublic: secretHash === null,
    redirectUris: redirectUris as string[],
    grants: grants as Grant[],
    scopes: scopes as string[],
    userId,
    createdAt,
  }
}
