/**
 * Whether a delivery goes now, later, or not at all. A message about security goes as soon as it can; any other respects
 * what the person wants, their night, and that nobody is flooded.
 */
import { and, eq, gt, ne } from 'drizzle-orm'
import type { Runtime } from '../../../platform/runtime'
import type { AppointmentClaim } from '../../appointments'
import type { Medium } from '../channels/channel'
import { deliveries, notifications } from '../schema'
import { isServed } from './address'
import type { Catalogue } from './catalogue'
import type { Facts } from './notice'
import type { DeliveryRow, NotificationRow } from './outbox'
import { digestAt, type Mutable, quietUntil } from './preferences'
import type { Reach, Reached } from './reach'
import type { Suppressions } from './suppressions'

export type Verdict =
  /** `done` is called when the delivery has ended: until then it counts against the hour. */
  | { go: true; to: string; whom: Reached; done(): void }
  | { go: false; end: 'expired' | 'skipped' | 'cancelled'; reason: string }
  | { go: false; until: number; digest: boolean; reason: string }

export interface Policy {
  /** `ridesAlong`: in the mail of another, which has its place among those of the hour. */
  decide(delivery: DeliveryRow, notification: NotificationRow, how?: { ridesAlong: boolean }): Promise<Verdict>
}

export interface PolicyParts {
  catalogue: Catalogue
  reach: Reach
  suppressions: Suppressions
  /** Whether what the notification says of an appointment still holds. */
  stillTrue(claim: AppointmentClaim, appointmentId: string, version: number): Promise<boolean>
  /** Messages in an hour for one person by one medium, at most; more of them are gathered. */
  hourlyCap: number
  /** Calling codes of the countries that are served; none: all. */
  callingCodes: readonly string[]
}

const HOUR_MS = 3_600_000

/** Media on which a message disturbs: it makes a sound, or costs money. */
const DISTURBING: ReadonlySet<string> = new Set<Medium>(['sms', 'whatsapp', 'push', 'email'])
const GATHERED: ReadonlySet<string> = new Set<Medium>(['email'])

const ended = (end: 'expired' | 'skipped' | 'cancelled', reason: string) => ({ go: false as const, end, reason })

export function createPolicy(
  { store, clock }: Runtime,
  { catalogue, reach, suppressions, stillTrue, hourlyCap, callingCodes }: PolicyParts,
): Policy {
  /** Deliveries of this copy that may go and are not noted yet, by person and medium. */
  const going = new Map<string, number>()

  function leave(who: string): void {
    const left = (going.get(who) ?? 1) - 1
    if (left > 0) going.set(who, left)
    else going.delete(who)
  }

  /** Takes a place among those of the hour; or until when there is none. */
  async function place(recipient: string, medium: Medium): Promise<{ done(): void } | { until: number }> {
    const who = `${recipient} ${medium}`
    const number = (going.get(who) ?? 0) + 1
    going.set(who, number)
    try {
      // What was gathered into one mail was accepted at one moment.
      const sent = await store.read
        .selectDistinct({ acceptedAt: deliveries.acceptedAt })
        .from(deliveries)
        .innerJoin(notifications, eq(notifications.id, deliveries.notificationId))
        .where(
          and(
            eq(deliveries.recipient, recipient),
            eq(deliveries.medium, medium),
            gt(deliveries.acceptedAt, clock() - HOUR_MS),
            ne(notifications.category, 'security'),
          ),
        )
        .orderBy(deliveries.acceptedAt)
        .limit(hourlyCap)
      if (sent.length + number <= hourlyCap) return { done: () => leave(who) }
      leave(who)
      return { until: (sent[0]?.acceptedAt ?? clock()) + HOUR_MS }
    } catch (error) {
      leave(who)
      throw error
    }
  }

  /** What the person wants, for whatever is not about security; nothing if it may go as far as they are concerned. */
  function wish(
    delivery: DeliveryRow,
    { category, urgent, expiresAt }: NotificationRow,
    { preferences }: Reached,
    isPrompt: boolean,
  ): Exclude<Verdict, { go: true }> | undefined {
    const medium = delivery.medium as Medium
    if (preferences.muted[category as Mutable]?.includes(medium)) return ended('skipped', 'opted out')
    if (urgent || !DISTURBING.has(medium)) return undefined
    const digest = preferences.digests[category as Mutable]
    if (digest && GATHERED.has(medium) && !delivery.digest) {
      const until = digestAt(clock(), digest, preferences.timeZone)
      // What would be worth nothing by then is told now.
      if (expiresAt === null || until < expiresAt) return { go: false, until, digest: true, reason: 'gathered' }
    }
    const quiet = quietUntil(clock(), preferences)
    const isOverByThen = expiresAt !== null && quiet !== undefined && quiet >= expiresAt
    if (quiet === undefined || (isPrompt && isOverByThen)) return undefined
    return later(quiet, delivery.digest, 'quiet hours', expiresAt)
  }

  /** What would be worth nothing by then had better go another way now. */
  const later = (until: number, digest: boolean, reason: string, expiresAt: number | null) =>
    expiresAt !== null && until >= expiresAt ? ended('skipped', reason) : { go: false as const, until, digest, reason }

  return {
    async decide(delivery, notification, { ridesAlong } = { ridesAlong: false }) {
      const medium = delivery.medium as Medium
      const { expiresAt, category, version, facts } = notification
      if (expiresAt !== null && expiresAt <= clock()) return ended('expired', 'too late')
      const { appointmentId, claim } = facts as Facts
      if (claim && appointmentId !== undefined && !(await stillTrue(claim, appointmentId, version ?? 0)))
        return ended('cancelled', 'no longer so')
      const whom = await reach.whom(notification)
      const to = await whom.addressFor(medium)
      if (to === undefined) return ended('skipped', 'no address')
      if (to.startsWith('+') && !isServed(callingCodes, to)) return ended('skipped', 'country not served')
      const security = category === 'security'
      const suppressed = to === '' ? undefined : await suppressions.causeOf(medium, to, security)
      if (suppressed) return ended('skipped', `suppressed: ${suppressed}`)
      const free: Verdict = { go: true, to, whom, done() {} }
      if (security) return free
      // Nobody hides that money leaves behind thirty other messages.
      const isPrompt = notification.urgent || (await catalogue.factsOf(notification.template))?.prompt === true
      const wished = wish(delivery, notification, whom, isPrompt)
      if (wished) return wished
      if (ridesAlong || isPrompt || !DISTURBING.has(medium)) return free
      const placed = await place(notification.recipient, medium)
      if ('done' in placed) return { go: true, to, whom, done: placed.done }
      return later(placed.until, GATHERED.has(medium), 'too many in an hour', expiresAt)
    },
  }
}
