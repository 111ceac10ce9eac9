/**
 * How far a notification and each of its deliveries have come. A delivery is one way of reaching the person; a
 * notification is as far as the furthest of its deliveries.
 */
export const deliveryStates = [
  /** Not sent yet, or to be tried again. */
  'waiting',
  /** A provider took it. */
  'accepted',
  /** A provider says that it arrived. */
  'delivered',
  /** It did not arrive, and the next step of its track was begun; or a person's own endpoint refused it. */
  'failed',
  /** It did not arrive, and there is no further step: somebody should look. */
  'dead',
  /** It was not to be sent: there is no address, the person wants none, the channel is off. */
  'skipped',
  /** Its time was over before it could be sent. */
  'expired',
  /** What it says is no longer so, or the person was reached another way. */
  'cancelled',
] as const
export type DeliveryState = (typeof deliveryStates)[number]

/** Within a medium the lower number goes first. */
export const LANE = { urgent: 0, normal: 1 } as const

export const notificationStates = [
  'waiting',
  'accepted',
  'delivered',
  'failed',
  'skipped',
  'expired',
  'cancelled',
] as const
export type NotificationState = (typeof notificationStates)[number]

/** The person was reached, as far as is known. */
export const REACHED: ReadonlySet<string> = new Set<DeliveryState>(['accepted', 'delivered'])

/** From the best to the least: what the deliveries of a notification, taken together, say of it. */
const RANKED: ReadonlyArray<readonly [NotificationState, (states: ReadonlySet<string>) => boolean]> = [
  ['delivered', (states) => states.has('delivered')],
  ['accepted', (states) => states.has('accepted')],
  ['waiting', (states) => states.has('waiting')],
  ['failed', (states) => states.has('dead') || states.has('failed')],
  ['expired', (states) => states.has('expired')],
  ['cancelled', (states) => states.has('cancelled')],
]

export function statusOf(states: Iterable<string>): NotificationState {
  const set = new Set(states)
  return RANKED.find(([, holds]) => holds(set))?.[0] ?? 'skipped'
}

/** What goes to the inbox alone has arrived as soon as it is due: nobody has to bring it there. */
export function statusAt({ status, dueAt }: { status: string; dueAt: number }, now: number): NotificationState {
  return status === 'delivered' && dueAt > now ? 'waiting' : (status as NotificationState)
}
