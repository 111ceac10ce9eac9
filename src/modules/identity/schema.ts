/** Who may come in: people and machines, their sessions and codes, and the log of what was decided about them. */

import { sql } from 'drizzle-orm'
import { bool, check, index, int, json, table, text, time, uniqueIndex } from '../../platform/db/dialect'

export const users = table(
  'users',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    /** As the person wrote it, for display and delivery. */
    email: text('email').notNull(),
    /** Normalized, for looking up. */
    emailKey: text('email_key').notNull(),
    /** E.164, such as `+258841234567`. */
    phone: text('phone'),
    /** When the person proved that the number is theirs; money finds nobody by a number before that. */
    phoneVerifiedAt: time('phone_verified_at'),
    /** For a teller: the agent whose till they work at. */
    agentId: text('agent_id'),
    role: text('role').notNull(),
    status: text('status').notNull(),
    /** Argon2id, PHC format. */
    passwordHash: text('password_hash').notNull(),
    /** Argon2id over the peppered PIN, PHC format; absent until the person chose one. */
    pinHash: text('pin_hash'),
    /** Wrong PINs since the last right one. */
    pinFailures: int('pin_failures').notNull(),
    pinLockedUntil: time('pin_locked_until').notNull(),
    /** Wrong second factors since the last right one. */
    factorFailures: int('factor_failures').notNull().default(0),
    factorLockedUntil: time('factor_locked_until').notNull().default(0),
    /** Wrong passwords since the last right one. They lock nothing: see `service/sign-in.ts`. */
    passwordFailures: int('password_failures').notNull().default(0),
    /** Ways of getting a code that the person chose as a second factor: `email`, `sms`. */
    codeFactors: json('code_factors').notNull().default(sql`'[]'`),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('users_email_key').on(t.emailKey),
    // Anybody may claim a number; one person has proved it.
    index('users_phone').on(t.phone),
    uniqueIndex('users_phone_verified').on(t.phone).where(sql`phone_verified_at is not null`),
    index('users_agent').on(t.agentId).where(sql`agent_id is not null`),
    check('users_status', sql`${t.status} in ('pending_verification', 'active', 'frozen', 'closed')`),
  ],
)

export const sessions = table(
  'sessions',
  {
    id: text('id').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    createdAt: time('created_at').notNull(),
    /** Absolute: no refresh moves it. */
    expiresAt: time('expires_at').notNull(),
    revokedAt: time('revoked_at'),
    revokedFor: text('revoked_for'),
    /** `person`, `client` (an OAuth client acts for the user) or `api_key`. */
    kind: text('kind').notNull().default('person'),
    clientId: text('client_id'),
    /** What it may do at the most; absent: all that the role may. */
    scopes: json('scopes'),
    /** Until a second factor is set up, it may do nothing but that. */
    restricted: bool('restricted').notNull().default(false),
    /** How the person proved who they are (`amr` values of RFC 8176). */
    methods: json('methods').notNull().default(sql`'[]'`),
    /** When the person last proved it; what is sensitive asks for a recent proof. */
    verifiedAt: time('verified_at').notNull().default(0),
    deviceId: text('device_id'),
    address: text('address'),
    userAgent: text('user_agent'),
    lastUsedAt: time('last_used_at').notNull().default(0),
    /** When what it may do last changed; other copies ask for it. */
    changedAt: time('changed_at').notNull().default(0),
  },
  (t) => [
    index('sessions_user').on(t.userId),
    index('sessions_expiry').on(t.expiresAt),
    index('sessions_changed').on(t.changedAt).where(sql`changed_at > 0`),
  ],
)

export const refreshTokens = table(
  'refresh_tokens',
  {
    /** SHA-256 of the token. */
    hash: text('hash').primaryKey(),
    /** The session is the token's family: one reuse ends it. */
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id),
    createdAt: time('created_at').notNull(),
    usedAt: time('used_at'),
    /** The successor, sealed, for tabs that refresh at the same moment. */
    successor: text('successor'),
  },
  (t) => [index('refresh_tokens_session').on(t.sessionId)],
)

export const oneTimeCodes = table(
  'one_time_codes',
  {
    id: text('id').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    purpose: text('purpose').notNull(),
    /** How it travels: `email` or `sms`. */
    channel: text('channel').notNull().default('email'),
    /** Where it was sent, as a keyed hash, so that one number is not flooded through many accounts. */
    destination: text('destination'),
    /** HMAC under the instance's key, bound to the purpose, the person and this row. */
    codeHash: text('code_hash').notNull(),
    failures: int('failures').notNull(),
    /** What whoever asked for the code wants done once it is redeemed: their registration, and nobody else's. */
    intent: json('intent'),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
    usedAt: time('used_at'),
  },
  (t) => [
    index('one_time_codes_user').on(t.userId, t.purpose, t.createdAt),
    index('one_time_codes_destination').on(t.destination, t.createdAt).where(sql`destination is not null`),
  ],
)

/** Codes that other programs of the house had sent: they count with ours against the address that they went to. */
export const codeSends = table(
  'code_sends',
  {
    id: text('id').primaryKey(),
    /** As that of a one-time code. */
    destination: text('destination').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [index('code_sends_destination').on(t.destination, t.createdAt)],
)

/** Append only: the database refuses updates and deletes. */
export const auditLog = table(
  'audit_log',
  {
    id: text('id').primaryKey(),
    at: time('at').notNull(),
    /** Who did it: a user id, or `system`. */
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    /** Whom or what it was done to. */
    subject: text('subject').notNull(),
    outcome: text('outcome').notNull(),
    address: text('address'),
    detail: json('detail').notNull(),
  },
  (t) => [index('audit_log_subject').on(t.subject, t.id), index('audit_log_actor').on(t.actor, t.id)],
)

/**
 * Addresses that are not, or not any more, a user’s own: one that is being changed to, and one that was just left.
 * Messages go there, so that events need carry no address.
 */
export const otherAddresses = table(
  'other_addresses',
  {
    id: text('id').primaryKey(),
    userId: text('user_id').notNull(),
    /** Sealed under the instance’s key. */
    sealed: text('sealed').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  (t) => [index('other_addresses_user').on(t.userId), index('other_addresses_expiry').on(t.expiresAt)],
)

/** Links to choose a new password. */
export const passwordResets = table(
  'password_resets',
  {
    /** Keyed hash of the token. */
    hash: text('hash').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
    usedAt: time('used_at'),
  },
  (t) => [index('password_resets_user').on(t.userId, t.createdAt)],
)

/** Authenticator apps (RFC 6238): one a person. */
export const totpFactors = table('totp_factors', {
  userId: text('user_id')
    .primaryKey()
    .references(() => users.id),
  /** Base32, sealed under the instance’s key: it must be read back. */
  sealedSecret: text('sealed_secret').notNull(),
  /** The latest time step that was accepted; none up to it is accepted again. */
  lastStep: int('last_step').notNull(),
  createdAt: time('created_at').notNull(),
  /** Absent until a first code proved that the app has the secret. */
  confirmedAt: time('confirmed_at'),
})

export const recoveryCodes = table(
  'recovery_codes',
  {
    /** Keyed hash, bound to the person. */
    hash: text('hash').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    createdAt: time('created_at').notNull(),
    usedAt: time('used_at'),
  },
  (t) => [index('recovery_codes_user').on(t.userId)],
)

/** WebAuthn credentials. */
export const passkeys = table(
  'passkeys',
  {
    id: text('id').primaryKey(),
    /** The authenticator’s own id of the credential, base64url. */
    credentialId: text('credential_id').notNull(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    name: text('name').notNull(),
    /** COSE key, base64url. */
    publicKey: text('public_key').notNull(),
    /** The authenticator’s count of uses; one that does not grow is a copy. */
    counter: int('counter').notNull(),
    transports: json('transports').notNull(),
    createdAt: time('created_at').notNull(),
    lastUsedAt: time('last_used_at'),
  },
  (t) => [uniqueIndex('passkeys_credential').on(t.credentialId), index('passkeys_user').on(t.userId)],
)

/** What somebody was asked to prove: a second factor at sign-in, or a passkey. */
export const challenges = table(
  'challenges',
  {
    id: text('id').primaryKey(),
    /** `sign_in`, `passkey_sign_in`, `passkey_step_up` or `passkey_registration`. */
    kind: text('kind').notNull(),
    /** Absent while nobody knows who it is: a passkey will say. */
    userId: text('user_id'),
    methods: json('methods').notNull(),
    /** The random bytes that an authenticator has to sign, base64url. */
    nonce: text('nonce'),
    failures: int('failures').notNull(),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
    usedAt: time('used_at'),
  },
  (t) => [index('challenges_expiry').on(t.expiresAt), index('challenges_user').on(t.userId)],
)

/** Devices that a person signed in from, so that a new one can be told of, and a trusted one asks for less. */
export const devices = table(
  'devices',
  {
    id: text('id').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    /** SHA-256 of the device’s token. */
    tokenHash: text('token_hash').notNull(),
    /** Keyed hash of where it came from and what it said it is, for clients that keep no token. */
    fingerprint: text('fingerprint').notNull(),
    name: text('name').notNull(),
    createdAt: time('created_at').notNull(),
    lastSeenAt: time('last_seen_at').notNull(),
    /** Until then it is not asked for a second factor. */
    rememberedUntil: time('remembered_until').notNull(),
  },
  (t) => [index('devices_user').on(t.userId, t.lastSeenAt), uniqueIndex('devices_token').on(t.tokenHash)],
)

/** Long-lived keys for scripts. Each stands on a session of its own, so that revoking one is the same act. */
export const apiKeys = table(
  'api_keys',
  {
    id: text('id').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    sessionId: text('session_id').notNull(),
    name: text('name').notNull(),
    /** SHA-256 of the key. */
    hash: text('hash').notNull(),
    /** The first characters, by which its owner tells it from others. */
    hint: text('hint').notNull(),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
    lastUsedAt: time('last_used_at'),
    revokedAt: time('revoked_at'),
  },
  (t) => [uniqueIndex('api_keys_hash').on(t.hash), index('api_keys_user').on(t.userId)],
)

/** Who a closed account belonged to, for as long as the law asks; then nobody knows any more. */
export const closedAccounts = table(
  'closed_accounts',
  {
    userId: text('user_id').primaryKey(),
    /** Name, e-mail and phone, sealed under the instance’s key. */
    sealedIdentity: text('sealed_identity').notNull(),
    closedAt: time('closed_at').notNull(),
    eraseAt: time('erase_at').notNull(),
  },
  (t) => [index('closed_accounts_erase').on(t.eraseAt)],
)
