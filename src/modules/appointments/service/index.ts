/** Appointments, put together: each part in a file of its own, and what the rest of Kumbu may ask of them. */
import type { Events } from '../../../platform/events'
import type { Runtime } from '../../../platform/runtime'
import type { Identity } from '../../identity'
import type { Ledger } from '../../ledger'
import type { Wallet } from '../../wallet'
import { type Booking, createBooking } from './booking'
import { addressOf, invitationText, type Method } from './calendar'
import { type Changes, createChanges } from './changes'
import { type Closures, createClosures } from './closures'
import { createDeposits } from './deposits'
import { createFeeds, type Feeds } from './feeds'
import { createLine } from './line'
import { createLists, type Lists } from './lists'
import { createNames } from './names'
import { createOffers } from './offers'
import { personalData } from './personal-data'
import { createPlacing } from './placing'
import { createReminders, type ReminderPlan } from './reminders'
import { createReviews, type Reviews } from './reviews'
import { createRows } from './rows'
import { createServiceRows } from './service-rows'
import { createServices, type Services } from './services'
import { createSlots, type Slots } from './slots'
import { createStaff, type StaffBook } from './staff'
import { type AppointmentDetails, createViews } from './views'
import { createWaiting, type Waiting } from './waiting'

export interface AppointmentOptions {
  currency: string
  baseUrl: () => string
  /** Who invites, as in a mail: `Kumbu <no-reply@example.com>`. */
  organizer: string
  /** Where a service says nothing of its own. */
  reminders: readonly ReminderPlan[]
  reviewMinutesAfter: number
}

/** That it is booked as in this version, that it is offered, or that its customer may be asked what they thought of it. */
export type AppointmentClaim = 'booked' | 'offered' | 'unreviewed'

export interface Appointments {
  services: Pick<Services, 'create' | 'change' | 'list' | 'get'>
  staff: Pick<StaffBook, 'create' | 'change' | 'setHours' | 'list' | 'get'>
  closures: Pick<Closures, 'create' | 'remove' | 'list'>
  slots: Slots
  booking: Booking
  changes: Pick<Changes, 'move' | 'cancel' | 'complete' | 'miss' | 'decline' | 'leave' | 'refund'>
  lists: Pick<Lists, 'own' | 'get' | 'desk' | 'deskGet'>
  waiting: Pick<Waiting, 'join' | 'list'>
  reviews: Pick<Reviews, 'put' | 'own' | 'list' | 'hide'>
  feeds: Omit<Feeds, 'erase'>
  /** What a message says of an appointment. */
  details(id: string): Promise<AppointmentDetails | undefined>
  /** Whether what a message claims is still so: whoever is about to send it asks. */
  stillTrue(claim: AppointmentClaim, id: string, version: number): Promise<boolean>
  /** A file for the customer’s calendar; nothing if there is no such appointment. */
  invitation(id: string, method: Method): Promise<string | undefined>
  /** One batch of what is due: reminders first. Answers how many of them there were. */
  remindersDue(limit: number): Promise<number>
  /** Everything that is due: reminders, offers that nobody took, waits whose days are over, deposits that nobody settled. */
  tick(): Promise<void>
  /** Forgets reminders and waits that were done with before the moment; answers how many. */
  prune(before: number): Promise<number>
}

const REMINDERS_AT_ONCE = 50
const OFFERS_AT_ONCE = 50
/** In one tick: nobody is offered anything for days that are over, so what is left can wait for the next. */
const WAITS_A_TICK = 1_000

export function createAppointments(
  runtime: Runtime,
  { identity, ledger, wallet, events }: { identity: Identity; ledger: Ledger; wallet: Wallet; events: Events },
  options: AppointmentOptions,
): Appointments {
  const { store, clock } = runtime
  const organizer = addressOf(options.organizer)
  const rows = createRows(clock)
  const services = createServiceRows()
  const staff = createStaff(runtime, { identity, services })
  const closures = createClosures(runtime, { staff, services })
  const placing = createPlacing(runtime, { rows, staff, closures })
  const waiting = createWaiting(runtime, { services, staff })
  const line = createLine(runtime, { events, placing })
  const offers = createOffers(runtime, { rows, services, staff, placing, line, waiting })
  const catalogue = createServices(runtime, { identity, rows: services, offers }, options)
  const names = createNames(runtime, identity)
  const slots = createSlots(runtime, { services, staff, placing })
  const views = createViews({ services, staff })
  const deposits = createDeposits(runtime, { identity, ledger, wallet })
  const reminders = createReminders(runtime, events, {
    reminders: options.reminders,
    reviewMinutesAfter: options.reviewMinutesAfter,
  })
  const reviews = createReviews(runtime, { rows, names })
  const parts = {
    identity,
    events,
    rows,
    services,
    staff,
    placing,
    deposits,
    reminders,
    reviews,
    waiting,
    offers,
    views,
  }
  const booking = createBooking(runtime, parts)
  const changes = createChanges(runtime, parts)
  const lists = createLists(runtime, { identity, rows, staff, views })
  const feeds = createFeeds(runtime, { identity, services, staff, names }, options.baseUrl)
  identity.closing.keeps(personalData({ lists, names, changes, reviews, waiting, feeds, services: catalogue, staff }))

  return {
    services: catalogue,
    staff,
    closures,
    slots,
    booking,
    changes,
    lists,
    waiting,
    reviews,
    feeds,

    async details(id) {
      const row = await rows.find(store.read, id)
      return row && (await views.details(store.read, row))
    },

    async stillTrue(claim, id, version) {
      const row = await rows.find(store.read, id)
      if (!row) return false
      if (claim === 'unreviewed') return reviews.isWantedOf(row)
      const isInTime = claim === 'booked' || (row.offeredUntil ?? 0) > clock()
      return row.status === claim && row.version === version && isInTime
    },

    async invitation(id, method) {
      const row = await rows.find(store.read, id)
      if (!row) return undefined
      const { service, place, staff: member } = await views.details(store.read, row)
      const user = await identity.find(row.userId)
      const attendee = user && user.email !== '' ? { name: user.name, email: user.email } : undefined
      return invitationText({ row, summary: service, place, description: member }, method, { organizer, attendee })
    },

    remindersDue: reminders.due,

    async tick() {
      while ((await reminders.due(REMINDERS_AT_ONCE)) === REMINDERS_AT_ONCE);
      while ((await offers.lapseDue(OFFERS_AT_ONCE)) === OFFERS_AT_ONCE);
      await offers.growDue()
      await waiting.endOver(WAITS_A_TICK)
      while ((await deposits.expireDue()) > 0);
    },

    prune: async (before) => (await reminders.prune(before)) + (await waiting.prune(before)),
  }
}
