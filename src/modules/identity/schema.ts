/** Who may come in: people and machines, their sessions and codes, and the log of what was decided about them. */

import { sql } from 'drizzle-orm'
import { check, index, int, json, table, text, time, uniqueIndex } from '../../platform/db/dialect'

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
    role: text('role').notNull(),
    status: text('status').notNull(),
    /** Argon2id, PHC format. */
    passwordHash: text('password_hash').notNull(),
    /** Argon2id over the peppered PIN, PHC format; absent until the person chose one. */
    pinHash: text('pin_hash'),
    /** Wrong PINs since the last right one. */
    pinFailures: int('pin_failures').notNull(),
    pinLockedUntil: time('pin_locked_until').notNull(),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('users_email_key').on(t.emailKey),
    uniqueIndex('users_phone').on(t.phone),
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
  },
  (t) => [
    index('sessions_user').on(t.userId),
    index('sessions_revoked').on(t.revokedAt).where(sql`revoked_at is not null`),
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
    /** HMAC under the instance's key, bound to the purpose, the person and this row. */
    codeHash: text('code_hash').notNull(),
    failures: int('failures').notNull(),
    /** What whoever asked for the code wants done once it is redeemed: their registration, and nobody else's. */
    intent: json('intent'),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
    usedAt: time('used_at'),
  },
  (t) => [index('one_time_codes_user').on(t.userId, t.purpose, t.createdAt)],
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
  (t) => [index('audit_log_subject').on(t.subject, t.at)],
)
