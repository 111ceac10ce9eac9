/**
 * Browsers and phones that a person lets us push to, and the endpoint of their own to which events are posted. Their
 * addresses and keys let anybody send to them, so they are kept sealed.
 */
import { and, asc, eq, gt, inArray, isNull, lte, ne, sql } from 'drizzle-orm'
import { prepared, type Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import { iso, isoOrNull } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { type Noted, type SecurityChange, securityChanged } from '../../identity'
import type { PushTarget, WebhookTarget } from '../channels/channel'
import { checkAddress } from '../channels/public-address'
import { targets } from '../schema'

export type TargetKind = 'web' | 'fcm' | 'webhook'

export interface TargetView {
  id: string
  kind: TargetKind
  name: string
  /** An endpoint that refused too many messages gets no more, until it is named again. */
  pausedAt: string | null
  createdAt: string
}

export interface NewPushTarget {
  kind: 'web' | 'fcm'
  address: string
  keys?: { p256dh: string; auth: string } | undefined
  name: string
}

export interface Targets {
  kindsOf(userId: string): Promise<{ push: boolean; webhook: boolean }>
  pushOf(userId: string): Promise<PushTarget[]>
  webhookOf(userId: string): Promise<WebhookTarget | undefined>
  list(userId: string): Promise<TargetView[]>
  /** The same address again takes the place of what was known of it, whoever had it. */
  addPush(
    userId: string,
    target: NewPushTarget,
    noted: Noted,
  ): Promise<Result<TargetView, 'too_many_targets' | 'target_address_refused'>>
  /** One endpoint a person; the secret is shown this once. */
  setWebhook(
    userId: string,
    url: string,
    noted: Noted,
  ): Promise<Result<TargetView & { url: string; secret: string }, 'target_address_refused'>>
  remove(userId: string, id: string, noted: Noted): Promise<Result<true, 'target_not_found'>>
  /** The endpoint of the person took a message. */
  endpointTook(tx: Tx, userId: string): Promise<void>
  /** It refused one for good; too many in a row pause it, and its owner hears of it. */
  endpointRefused(tx: Tx, id: string): Promise<void>
  /** Forgets those that a provider says are gone. */
  forget(tx: Tx, ids: readonly string[]): Promise<void>
  /** Forgets the browsers and phones that were there by then. */
  forgetPush(tx: Tx, userId: string, until: number): Promise<void>
  eraseOf(tx: Tx, userId: string): Promise<void>
}

type TargetRow = typeof targets.$inferSelect

interface Sealed {
  address: string
  keys?: { p256dh: string; auth: string }
  secret?: string
}

const PUSH_TARGETS = 20
const SECRET_BYTES = 32
const REFUSALS_IN_A_ROW = 20
const SEAL = 'notification-target'

const kindsOfUser = prepared<{ userId: string }, Array<{ kind: string }>>('target_kinds', (db, $) =>
  db
    .select({ kind: targets.kind })
    .from(targets)
    .where(and(eq(targets.userId, $('userId')), isNull(targets.pausedAt))),
)

export function createTargets(
  { store, clock, newId, random, keyring }: Runtime,
  events: Events,
  { privateWebhooks }: { privateWebhooks: boolean },
): Targets {
  /** An address that a person names must not lead into the house. */
  const isOutside = async (url: string) => (await checkAddress(url, { allowPrivate: privateWebhooks })).ok

  const opened = ({ sealed }: TargetRow) => JSON.parse(keyring.open(SEAL, sealed)) as Sealed

  const ofUser = (userId: string) =>
    store.read.select().from(targets).where(eq(targets.userId, userId)).orderBy(asc(targets.createdAt), asc(targets.id))

  /** An endpoint may be that of several people; a browser or a phone is one person’s. */
  const hashOf = (address: string, owner = '') => keyring.hash(SEAL, address, owner)

  async function keep(tx: Tx, userId: string, kind: TargetKind, name: string, sealed: Sealed): Promise<TargetRow> {
    const row = {
      id: newId('tgt'),
      userId,
      kind,
      addressHash: hashOf(sealed.address, kind === 'webhook' ? userId : ''),
      sealed: keyring.seal(SEAL, JSON.stringify(sealed)),
      name,
      refusals: 0,
      pausedAt: null,
      createdAt: clock(),
    }
    await tx.delete(targets).where(eq(targets.addressHash, row.addressHash))
    await tx.insert(targets).values(row)
    return row
  }

  return {
    async kindsOf(userId) {
      const kinds = await kindsOfUser(store.read, { userId })
      return {
        push: kinds.some(({ kind }) => kind !== 'webhook'),
        webhook: kinds.some(({ kind }) => kind === 'webhook'),
      }
    },

    async pushOf(userId) {
      const rows = await ofUser(userId)
      return rows
        .filter(({ kind }) => kind !== 'webhook')
        .map((row) => {
          const { address, keys } = opened(row)
          return { id: row.id, kind: row.kind as 'web' | 'fcm', address, ...(keys ? { keys } : {}) }
        })
    },

    async webhookOf(userId) {
      const row = (await ofUser(userId)).find(({ kind, pausedAt }) => kind === 'webhook' && pausedAt === null)
      if (!row) return undefined
      const { address, secret = '' } = opened(row)
      return { id: row.id, url: address, secret }
    },

    list: async (userId) => (await ofUser(userId)).map(targetView),

    async addPush(userId, { kind, address, keys, name }, noted) {
      if (kind === 'web' && !(await isOutside(address))) return fail('target_address_refused')
      return store.write(async (tx): Promise<Result<TargetView, 'too_many_targets'>> => {
        const mine = await tx.select().from(targets).where(eq(targets.userId, userId))
        const others = mine.filter((each) => each.kind !== 'webhook' && each.addressHash !== hashOf(address))
        if (others.length >= PUSH_TARGETS) return fail('too_many_targets')
        const row = await keep(tx, userId, kind, name, { address, ...(keys ? { keys } : {}) })
        await noted(tx, 'device.add', row.id, { kind })
        // A browser that says so at each start is no news.
        if (others.length === mine.filter((each) => each.kind !== 'webhook').length)
          await events.append(tx, securityChanged, userId, { userId, change: 'device_added' })
        return ok(targetView(row))
      })
    },

    async setWebhook(userId, url, noted) {
      if (!(await isOutside(url))) return fail('target_address_refused')
      const secret = `whsec_${Buffer.from(random(SECRET_BYTES)).toString('base64')}`
      return store.write(async (tx) => {
        await tx.delete(targets).where(isEndpointOf(userId))
        const row = await keep(tx, userId, 'webhook', new URL(url).host, { address: url, secret })
        await noted(tx, 'endpoint.add', row.id)
        await events.append(tx, securityChanged, userId, { userId, change: 'endpoint_added' })
        return ok({ ...targetView(row), url, secret })
      })
    },

    remove: (userId, id, noted) =>
      store.write(async (tx): Promise<Result<true, 'target_not_found'>> => {
        const gone = await tx
          .delete(targets)
          .where(and(eq(targets.id, id), eq(targets.userId, userId)))
          .returning({ id: targets.id })
        if (gone.length === 0) return fail('target_not_found')
        await noted(tx, 'device.remove', id)
        return ok(true)
      }),

    async endpointTook(tx, userId) {
      await tx
        .update(targets)
        .set({ refusals: 0 })
        .where(and(isEndpointOf(userId), gt(targets.refusals, 0)))
    },

    async endpointRefused(tx, id) {
      const [row] = await tx
        .update(targets)
        .set({ refusals: sql`${targets.refusals} + 1` })
        .where(and(eq(targets.id, id), isNull(targets.pausedAt)))
        .returning({ userId: targets.userId, refusals: targets.refusals })
      if (!row || row.refusals < REFUSALS_IN_A_ROW) return
      await tx.update(targets).set({ pausedAt: clock() }).where(eq(targets.id, id))
      const { userId } = row
      await events.append(tx, securityChanged, userId, { userId, change: 'endpoint_paused' })
    },

    async forget(tx, ids) {
      if (ids.length > 0) await tx.delete(targets).where(inArray(targets.id, [...ids]))
    },

    async forgetPush(tx, userId, until) {
      await tx
        .delete(targets)
        .where(and(eq(targets.userId, userId), ne(targets.kind, 'webhook'), lte(targets.createdAt, until)))
    },

    async eraseOf(tx, userId) {
      await tx.delete(targets).where(eq(targets.userId, userId))
    },
  }
}

/** Whoever takes their account back from somebody else takes back what was pushed to that one's phone too. */
const TAKES_BACK: ReadonlySet<SecurityChange> = new Set(['password_changed', 'factors_reset'])

export function subscribeTargets(events: Events, targets: Targets): void {
  events.subscribe({
    name: 'push-targets',
    to: securityChanged,
    patient: true,
    handle: async ({ payload: { userId, change }, at }) =>
      TAKES_BACK.has(change) ? (tx) => targets.forgetPush(tx, userId, at) : undefined,
  })
}

const isEndpointOf = (userId: string) => and(eq(targets.userId, userId), eq(targets.kind, 'webhook'))

function targetView({ id, kind, name, pausedAt, createdAt }: TargetRow): TargetView {
  return { id, kind: kind as TargetKind, name, pausedAt: isoOrNull(pausedAt), createdAt: iso(createdAt) }
}
