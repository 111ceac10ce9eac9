/**
 * Whether a delivery goes now, later, or not at all. A message about security goes as soon as it can; any other respects
 * what the person wants, their night, and that nobody is flooded.
 */
import { and, eq, gt } from 'drizzle-orm'
import type { Runtime } from '../../../platform/runtime'
import type { Medium } from '../channels/channel'
import { deliveries } from '../schema'
import type { Catalogue } from './catalogue'
import type { DeliveryRow, NotificationRow } from './outbox'
import { digestAt, type Mutable, quietUntil } from './preferences'
import type { Reach, Reached } from './reach'
import type { Suppressions } from './suppressions'

export type Verdict =
  | { go: true; to: string; whom: Reached }
  | { go: false; end: 'expired' | 'skipped' | 'cancelled'; reason: string }
  | { go: false; until: number; digest: boolean; reason: string }

export interface Policy {
  decide(delivery: DeliveryRow, notification: NotificationRow): Promise<Verdict>
}

export interface PolicyParts {
  catalogue: Catalogue
  reach: Reach
  suppressions: Suppressions
  /** Whether what the notification says of an appointment still holds. */
  isCurrent(appointmentId: string, version: number): Promise<boolean>
  /** Messages in an hour for one person by one medium, at most; more of them are gathered. */
  hourlyCap: number
  /** Calling codes of the countries that are served; none: all. */
  callingCodes: readonly string[]
}

const HOUR_MS = 3_600_000

/** Media on which a message disturbs: it makes a sound, or costs money. */
const DISTURBING: ReadonlySet<string> = new Set<Medium>(['sms', 'whatsapp', 'push', 'email'])
const GATHERED: ReadonlySet<string> = new Set<Medium>(['email'])

const ended = (end: 'expired' | 'skipped' | 'cancelled', reason: string): Verdict => ({ go: false, end, reason })

export function createPolicy(
  { store, clock }: Runtime,
  { catalogue, reach, suppressions, isCurrent, hourlyCap, callingCodes }: PolicyParts,
): Policy {
  const isServed = (phone: string) =>
    callingCodes.length === 0 || callingCodes.some((code) => phone.startsWith(`+${code}`))

  /** When the person may be told something by this medium again; nothing if they may now. */
  async function floodedUntil(recipient: string, medium: Medium): Promise<number | undefined> {
    const sent = await store.read
      .select({ acceptedAt: deliveries.acceptedAt })
      .from(deliveries)
      .where(
        and(
          eq(deliveries.recipient, recipient),
          eq(deliveries.medium, medium),
          gt(deliveries.acceptedAt, clock() - HOUR_MS),
        ),
      )
      .orderBy(deliveries.acceptedAt)
      .limit(hourlyCap)
    const [first] = sent
    return sent.length < hourlyCap ? undefined : (first?.acceptedAt ?? clock()) + HOUR_MS
  }

  /** What the person wants, for whatever is not about security. */
  async function wishes(
    delivery: DeliveryRow,
    { category, urgent, recipient, template }: NotificationRow,
    { preferences }: Reached,
  ): Promise<Verdict | undefined> {
    const medium = delivery.medium as Medium
    if (preferences.muted[category as Mutable]?.includes(medium)) return ended('skipped', 'opted out')
    if (urgent || !DISTURBING.has(medium)) return undefined
    const digest = preferences.digests[category as Mutable]
    if (digest && GATHERED.has(medium) && !delivery.digest) {
      return { go: false, until: digestAt(clock(), digest, preferences.timeZone), digest: true, reason: 'gathered' }
    }
    const quiet = quietUntil(clock(), preferences)
    if (quiet !== undefined) return { go: false, until: quiet, digest: delivery.digest, reason: 'quiet hours' }
    // Nobody hides that money leaves behind thirty other messages.
    if ((await catalogue.factsOf(template))?.prompt) return undefined
    const flooded = await floodedUntil(recipient, medium)
    if (flooded === undefined) return undefined
    return { go: false, until: flooded, digest: GATHERED.has(medium), reason: 'too many in an hour' }
  }

  return {
    async decide(delivery, notification) {
      const medium = delivery.medium as Medium
      const { expiresAt, category, version, facts } = notification
      if (expiresAt !== null && expiresAt <= clock()) return ended('expired', 'too late')
      const { appointmentId } = facts as { appointmentId?: string }
      if (version !== null && appointmentId !== undefined && !(await isCurrent(appointmentId, version)))
        return ended('cancelled', 'no longer so')
      const whom = await reach.whom(notification)
      const to = await whom.addressFor(medium)
      if (to === undefined) return ended('skipped', 'no address')
      if (to.startsWith('+') && !isServed(to)) return ended('skipped', 'country not served')
      const security = category === 'security'
      const suppressed = to === '' ? undefined : await suppressions.causeOf(medium, to, security)
      if (suppressed) return ended('skipped', `suppressed: ${suppressed}`)
      const wish = security ? undefined : await wishes(delivery, notification, whom)
      if (!wish) return { go: true, to, whom }
      // What would be worth nothing by then had better go another way now.
      const tooLate = 'until' in wish && expiresAt !== null && wish.until >= expiresAt
      return tooLate ? ended('skipped', wish.reason) : wish
    },
  }
}
