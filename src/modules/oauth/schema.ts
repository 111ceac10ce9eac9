/** OAuth 2.0: the clients, what people allowed them, the codes on their way, and the keys that sign for them. */
import { index, json, primaryKey, table, text, time } from '../../platform/db/dialect'

export const oauthClients = table('oauth_clients', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  /** SHA-256 of the secret; a public client has none. */
  secretHash: text('secret_hash'),
  redirectUris: json('redirect_uris').notNull(),
  /** `authorization_code`, `refresh_token`, `client_credentials`. */
  grants: json('grants').notNull(),
  /** The most that it may ask for. */
  scopes: json('scopes').notNull(),
  /** The ATM, biller or other account that it acts as with its own credentials. */
  userId: text('user_id'),
  createdBy: text('created_by').notNull(),
  createdAt: time('created_at').notNull(),
  revokedAt: time('revoked_at'),
})

/** What a person allowed a client, so that they are not asked twice. */
export const oauthConsents = table(
  'oauth_consents',
  {
    userId: text('user_id').notNull(),
    clientId: text('client_id')
      .notNull()
      .references(() => oauthClients.id),
    scopes: json('scopes').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.clientId] })],
)

export const oauthCodes = table(
  'oauth_codes',
  {
    /** SHA-256 of the code. */
    hash: text('hash').primaryKey(),
    clientId: text('client_id')
      .notNull()
      .references(() => oauthClients.id),
    userId: text('user_id').notNull(),
    redirectUri: text('redirect_uri').notNull(),
    scopes: json('scopes').notNull(),
    /** PKCE (RFC 7636), S256. */
    codeChallenge: text('code_challenge').notNull(),
    nonce: text('nonce'),
    /** When and how the person had proved who they are. */
    verifiedAt: time('verified_at').notNull(),
    methods: json('methods').notNull(),
    /** The session in which the person said yes; when it has ended, the code is worth nothing. */
    grantedIn: text('granted_in').notNull(),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
    usedAt: time('used_at'),
    /** What was issued for it; a replay ends it. */
    sessionId: text('session_id'),
  },
  (t) => [index('oauth_codes_expiry').on(t.expiresAt)],
)

/** RSA keys that sign ID tokens. A key is published before it signs, and after. */
export const signingKeys = table('signing_keys', {
  id: text('id').primaryKey(),
  publicKey: json('public_key').notNull(),
  /** The private JWK, sealed under the instance’s key. */
  sealedPrivateKey: text('sealed_private_key').notNull(),
  createdAt: time('created_at').notNull(),
  activeFrom: time('active_from').notNull(),
  /** Published until then; absent while it is, or will be, the one that signs. */
  retiredAt: time('retired_at'),
})
