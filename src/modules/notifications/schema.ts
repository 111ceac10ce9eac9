/**
 * What people are told: one row a notification, one row for each way that was or will be tried, and what people and
 * operators have settled about it.
 */
import { sql } from 'drizzle-orm'
import { bool, check, index, int, json, primaryKey, table, text, time, uniqueIndex } from '../../platform/db/dialect'

/** The outbox, and the inbox: what somebody is told about one thing, once. */
export const notifications = table(
  'notifications',
  {
    id: text('id').primaryKey(),
    /** Absent for an address that is no user’s. */
    userId: text('user_id'),
    /** The user, or a keyed hash of the address: whose limits it counts against. */
    recipient: text('recipient').notNull(),
    /** An address that is no user’s, sealed under the instance’s key. */
    sealedAddress: text('sealed_address'),
    /** An address of the sort that identity keeps (`Identity.addressOf`). */
    addressId: text('address_id'),
    template: text('template').notNull(),
    category: text('category').notNull(),
    /** Asked for by whoever sent it; absent: the person’s own. */
    language: text('language'),
    /** Ids, amounts and moments; names are looked up when it is sent. */
    facts: json('facts').notNull(),
    /** A code or a token, sealed under the instance’s key; erased when it has arrived or expired. */
    sealedSecret: text('sealed_secret'),
    /** What it is about: the id of a transfer, a withdrawal, an appointment. */
    about: text('about').notNull(),
    /** Of what it is about; one that has changed since makes the message stale. */
    version: int('version'),
    /** The ways it may take: see `service/routing.ts`. */
    tracks: json('tracks').notNull(),
    /** See `service/states.ts`. */
    status: text('status').notNull(),
    urgent: bool('urgent').notNull(),
    /** Whether it shows in the person’s inbox. */
    inApp: bool('in_app').notNull(),
    readAt: time('read_at'),
    /** When it may go, and comes into the inbox; never before it was put in. */
    dueAt: time('due_at').notNull(),
    /** After this it is worth nothing. */
    expiresAt: time('expires_at'),
    createdAt: time('created_at').notNull(),
    /** Recipient, template, what it is about, and when it is due: said once. */
    uniqueKey: text('unique_key').notNull(),
  },
  (t) => [
    uniqueIndex('notifications_unique_key').on(t.uniqueKey),
    index('notifications_secrets').on(t.expiresAt).where(sql`sealed_secret is not null`),
    index('notifications_recipient').on(t.recipient, t.id),
    index('notifications_inbox').on(t.userId, t.dueAt, t.id).where(sql`in_app`),
    index('notifications_unread').on(t.userId, t.dueAt, t.id).where(sql`in_app and read_at is null`),
    check(
      'notifications_status',
      sql`${t.status} in ('waiting', 'accepted', 'delivered', 'failed', 'skipped', 'expired', 'cancelled')`,
    ),
  ],
)

/** One way in which a notification is brought to its person: by mail, by SMS, … */
export const deliveries = table(
  'deliveries',
  {
    id: text('id').primaryKey(),
    notificationId: text('notification_id').notNull(),
    recipient: text('recipient').notNull(),
    /** Which of the notification’s tracks it belongs to, and which step of it this is. */
    track: int('track').notNull(),
    step: int('step').notNull(),
    medium: text('medium').notNull(),
    /** See `service/states.ts`. */
    state: text('state').notNull(),
    /** One of `LANE` in `service/states.ts`. */
    lane: int('lane').notNull(),
    attempts: int('attempts').notNull(),
    /** Every try: when, by which provider, how it ended, how long it took. */
    tries: json('tries').notNull(),
    dueAt: time('due_at').notNull(),
    /** Until then a copy of the process is at it. */
    leaseUntil: time('lease_until').notNull(),
    /** As the notification’s. */
    expiresAt: time('expires_at'),
    /** When the next step begins, if this one has not succeeded. */
    fallbackAt: time('fallback_at'),
    /** Why it is not sent at once: gathered with others into one. */
    digest: bool('digest').notNull(),
    /** Keyed hash of where it went. */
    addressHash: text('address_hash'),
    /** Who took it, and their own id of it. */
    provider: text('provider'),
    providerId: text('provider_id'),
    /** Why it ended as it did, or waits. */
    reason: text('reason'),
    /** From when it could go: it was due, quiet hours were over, what it was gathered with was complete. */
    readyAt: time('ready_at').notNull(),
    acceptedAt: time('accepted_at'),
    deliveredAt: time('delivered_at'),
  },
  (t) => [
    uniqueIndex('deliveries_way').on(t.notificationId, t.track, t.medium),
    index('deliveries_due').on(t.medium, t.lane, t.dueAt).where(sql`state = 'waiting'`),
    index('deliveries_expiry').on(t.expiresAt).where(sql`state = 'waiting' and expires_at is not null`),
    index('deliveries_fallback').on(t.fallbackAt).where(sql`fallback_at is not null`),
    index('deliveries_digest').on(t.recipient, t.medium, t.id).where(sql`digest and state = 'waiting'`),
    index('deliveries_dead').on(t.id).where(sql`state = 'dead'`),
    // Not unique: a provider that uses an id twice must not undo the note that it took a message.
    index('deliveries_provider').on(t.provider, t.providerId).where(sql`provider_id is not null`),
    index('deliveries_sent').on(t.recipient, t.medium, t.acceptedAt).where(sql`accepted_at is not null`),
    check(
      'deliveries_state',
      sql`${t.state} in ('waiting', 'accepted', 'delivered', 'failed', 'dead', 'skipped', 'expired', 'cancelled')`,
    ),
  ],
)

/** Receipts that came, each once; one that came before its message was noted waits here for it. */
export const deliveryReceipts = table(
  'delivery_receipts',
  {
    provider: text('provider').notNull(),
    providerId: text('provider_id').notNull(),
    status: text('status').notNull(),
    reason: text('reason'),
    invalidRecipient: bool('invalid_recipient').notNull(),
    at: time('at').notNull(),
    /** When it was applied to its delivery. */
    appliedAt: time('applied_at'),
  },
  (t) => [
    primaryKey({ name: 'delivery_receipts_pk', columns: [t.provider, t.providerId, t.status] }),
    index('delivery_receipts_at').on(t.at),
  ],
)

/** Addresses that nothing is sent to any more. */
export const suppressions = table(
  'suppressions',
  {
    id: text('id').primaryKey(),
    /** Keyed hash of the address. */
    addressHash: text('address_hash').notNull(),
    medium: text('medium').notNull(),
    /** The address with its middle left out, for an operator to recognize. */
    hint: text('hint').notNull(),
    /** `invalid` (the provider says there is no such address), `complaint`, or `operator`. */
    cause: text('cause').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [uniqueIndex('suppressions_address').on(t.addressHash, t.medium)],
)

/** How a person wants to be told. */
export const notificationPreferences = table('notification_preferences', {
  userId: text('user_id').primaryKey(),
  language: text('language'),
  timeZone: text('time_zone'),
  /** Minutes after local midnight. */
  quietFrom: int('quiet_from'),
  quietTo: int('quiet_to'),
  /** Media that each category must not use: `{ news: ["email"] }`. */
  muted: json('muted').notNull(),
  /** Categories that are gathered: `{ money: "daily" }`. */
  digests: json('digests').notNull(),
  updatedAt: time('updated_at').notNull(),
})

/** Browsers, phones and servers of a person that messages are pushed to. */
export const targets = table(
  'notification_targets',
  {
    id: text('id').primaryKey(),
    userId: text('user_id').notNull(),
    /** `web`, `fcm` or `webhook`. */
    kind: text('kind').notNull(),
    /** Keyed hash of the address: one target each. */
    addressHash: text('address_hash').notNull(),
    /** Address and keys, sealed under the instance’s key. */
    sealed: text('sealed').notNull(),
    name: text('name').notNull(),
    /** Messages in a row that an endpoint has refused. */
    refusals: int('refusals').notNull(),
    /** From then on nothing is posted there, because it refused too many. */
    pausedAt: time('paused_at'),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('notification_targets_address').on(t.addressHash),
    index('notification_targets_user').on(t.userId),
  ],
)

/** Words that operators wrote, in place of the built-in ones or for templates of their own. Each save is a version. */
export const templateVersions = table(
  'template_versions',
  {
    template: text('template').notNull(),
    language: text('language').notNull(),
    version: int('version').notNull(),
    /** Absent: back to the built-in words. */
    words: json('words'),
    author: text('author').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ name: 'template_versions_pk', columns: [t.template, t.language, t.version] })],
)

/** Templates that operators made, beside the built-in ones. */
export const ownTemplates = table('own_templates', {
  name: text('name').primaryKey(),
  category: text('category').notNull(),
  sample: json('sample').notNull(),
  createdAt: time('created_at').notNull(),
})

/** The ways that an operator chose for a template, in place of the built-in ones. */
export const templateRoutes = table('template_routes', {
  template: text('template').primaryKey(),
  tracks: json('tracks').notNull(),
  updatedAt: time('updated_at').notNull(),
})
