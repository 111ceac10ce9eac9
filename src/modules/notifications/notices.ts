/**
 * Who is told what, when something has happened. An event becomes notifications in the transaction that ends its
 * delivery, so each is put out once; nothing that caused a message ever waits for it.
 */
import type { Static, TSchema } from '@sinclair/typebox'
import type { Events, EventType, Happened } from '../../platform/events'
import { cashInCompleted, floatIssued } from '../agents'
import {
  appointmentBooked,
  appointmentCancelled,
  appointmentCompleted,
  appointmentMissed,
  appointmentMoved,
  appointmentRefunded,
  appointmentReminderDue,
  placeOffered,
  reviewAsked,
} from '../appointments'
import {
  codeIssued,
  newDeviceSeen,
  passwordResetAsked,
  registrationRepeated,
  type SecurityChange,
  securityChanged,
  sessionsRevoked,
  userActivated,
} from '../identity'
import { receiptAsked, transferCompleted } from '../wallet'
import {
  type WithdrawalFacts,
  withdrawalCancelled,
  withdrawalExpired,
  withdrawalPaid,
  withdrawalRequested,
  withdrawalReversed,
} from '../withdrawals'
import type { Medium } from './channels/channel'
import type { Notice } from './service/notice'
import type { Outbox } from './service/outbox'
import { type Track, tracksFor } from './service/routing'
import type { StaffNews } from './templates/built-in/data'

const DAY_MS = 24 * 3_600_000

/** What anybody can bring about again and again takes no way that costs the operator money each time. */
const OWN_TRACKS: Partial<Record<SecurityChange, Track[]>> = {
  // It is about their own server: nobody has to be woken.
  endpoint_paused: [[{ medium: 'in_app' }]],
  device_added: [[{ medium: 'email' }], [{ medium: 'in_app' }]],
}

export interface NoticeOptions {
  /** A float that falls under this is told of; 0: none. */
  lowFloat: number
}

export function subscribeNotices(events: Events, outbox: Outbox, { lowFloat }: NoticeOptions): void {
  function tell<Payload extends TSchema>(
    type: EventType<Payload>,
    notices: (payload: Static<Payload>, event: Happened<Static<Payload>>) => Notice[],
    { waitedFor = false } = {},
  ): void {
    events.subscribe({
      // Somebody sits before a screen until the code comes: it does not queue behind news of payments.
      name: waitedFor ? 'codes' : 'notifications',
      to: type,
      patient: !waitedFor,
      handle: async (event) => {
        const arranged = await Promise.all(notices(event.payload, event).map(outbox.arrange))
        return async (tx) => {
          for (const each of arranged) await outbox.put(tx, each)
        }
      },
    })
  }

  /** What has no id of its own is told once an event. */
  const once = (event: { id: number }) => `evt_${event.id}`

  tell(
    codeIssued,
    ({ userId, purpose, channel, addressId, sealedCode, expiresAt }, event) => [
      {
        userId,
        template: 'code',
        data: { purpose },
        secret: { member: 'code', sealed: sealedCode },
        // A code proves the address that it was sent to.
        only: channel === 'email' ? ['email'] : ['sms', 'whatsapp'],
        addressId: addressId ?? undefined,
        about: once(event),
        expiresAt,
      },
    ],
    { waitedFor: true },
  )
  tell(
    passwordResetAsked,
    ({ userId, sealedToken, expiresAt }, event) => [
      {
        userId,
        template: 'password_reset',
        data: {},
        secret: { member: 'link', sealed: sealedToken },
        about: once(event),
        expiresAt,
      },
    ],
    { waitedFor: true },
  )
  tell(newDeviceSeen, ({ userId, sessionId }) => [
    { userId, template: 'new_device', data: {}, sessionId, about: sessionId },
  ])
  // Also to the address that was left: whoever holds one may have lost another.
  tell(securityChanged, ({ userId, change, addressId }, event) => {
    const template = change === 'password_changed' ? 'password_changed' : 'security_changed'
    const data = template === 'security_changed' ? { change } : {}
    const notice: Notice = { userId, template, data, about: once(event) }
    const own = OWN_TRACKS[change]
    if (own) return [{ ...notice, tracks: own }]
    const left: Medium[] = change === 'phone_changed' || change === 'phone_removed' ? ['sms', 'whatsapp'] : ['email']
    return [notice, ...(addressId === undefined ? [] : [{ ...notice, addressId, only: left }])]
  })
  tell(userActivated, ({ userId }) => [{ userId, template: 'welcome', data: {}, about: userId }])
  tell(registrationRepeated, ({ userId }, event) => [
    { userId, template: 'registration_repeated', data: {}, about: once(event) },
  ])
  tell(sessionsRevoked, ({ userId }, event) => [{ userId, template: 'sessions_revoked', data: {}, about: once(event) }])

  tell(transferCompleted, ({ fromUserId, toUserId, fromBalance, toBalance, transferId, amount, fee, currency }) => [
    {
      userId: fromUserId,
      template: 'money_sent',
      data: { amount, fee, currency, transferId, balance: fromBalance },
      people: { to: toUserId },
      about: transferId,
    },
    {
      userId: toUserId,
      template: 'money_received',
      data: { amount, currency, transferId, balance: toBalance },
      people: { from: fromUserId },
      about: transferId,
    },
  ])
  // However often it is asked for, once a day.
  tell(receiptAsked, ({ userId, ...data }, { at }) => [
    { userId, template: 'receipt', data, about: `receipt:${data.transferId}:${Math.floor(at / DAY_MS)}` },
  ])

  tell(cashInCompleted, ({ customerId, agentId, customerBalance, agentBalance, transferId, amount, currency }) => [
    {
      userId: customerId,
      template: 'cash_in',
      data: { amount, currency, transferId, balance: customerBalance },
      people: { from: agentId },
      about: transferId,
    },
    // Told when it falls under, not each time that it is.
    ...(agentBalance < lowFloat && agentBalance + amount >= lowFloat
      ? [
          {
            userId: agentId,
            template: 'low_float',
            data: { balance: agentBalance, threshold: lowFloat, currency },
            about: transferId,
          },
        ]
      : []),
  ])
  tell(floatIssued, ({ agentId, ...data }) => [
    { userId: agentId, template: 'float_issued', data, about: data.transferId },
  ])

  const toCustomer = (template: string) => (facts: WithdrawalFacts) => [withdrawalNotice(template, facts)]
  tell(
    withdrawalRequested,
    (facts) => [
      withdrawalNotice('withdrawal_requested', facts),
      ...(facts.sealedToken === undefined
        ? []
        : [
            {
              ...withdrawalNotice('withdrawal_code', facts),
              secret: { member: 'token', sealed: facts.sealedToken },
              expiresAt: facts.expiresAt,
            },
          ]),
    ],
    { waitedFor: true },
  )
  tell(withdrawalCancelled, toCustomer('withdrawal_cancelled'))
  tell(withdrawalExpired, toCustomer('withdrawal_expired'))
  tell(withdrawalReversed, toCustomer('withdrawal_reversed'))
  tell(withdrawalPaid, (facts) => {
    const payer = facts.paidBy ?? ''
    const till = facts.tillId ?? payer
    return [
      { ...withdrawalNotice('withdrawal_paid', facts), people: { by: till } },
      ...[...new Set([payer, till])].map((userId) => ({
        ...withdrawalNotice('withdrawal_paid_out', facts),
        userId,
        people: { customer: facts.userId },
      })),
    ]
  })

  // Once it has begun nobody needs to hear that it is booked.
  tell(appointmentBooked, (facts) => [
    { ...appointmentNotice('appointment_confirmation', facts), claim: 'booked', expiresAt: facts.startsAt },
    ...staffNotices('booked', facts, facts.staffUserId),
  ])
  tell(appointmentMoved, (facts) => [
    { ...appointmentNotice('appointment_moved', facts), claim: 'booked', expiresAt: facts.startsAt },
    // Whoever has moved it knows.
    ...(facts.by === 'staff'
      ? []
      : staffNotices(facts.leftUserId === undefined ? 'moved' : 'booked', facts, facts.staffUserId)),
    ...staffNotices('left', facts, facts.leftUserId),
  ])
  tell(appointmentCancelled, (facts) => [
    withOutcome('appointment_cancelled', facts),
    ...(facts.by === 'staff' ? [] : staffNotices('cancelled', facts, facts.staffUserId)),
    ...depositNotices('deposit_received', facts, facts.payeeId),
  ])
  tell(appointmentMissed, (facts) => [
    withOutcome('appointment_missed', facts),
    ...depositNotices('deposit_received', facts, facts.payeeId),
  ])
  tell(appointmentCompleted, (facts) => [
    ...depositNotices('deposit_taken', facts, facts.userId),
    ...depositNotices('deposit_received', facts, facts.payeeId),
  ])
  tell(appointmentRefunded, ({ amount, ...facts }) =>
    depositNotices('deposit_refunded', { ...facts, deposit: amount, depositOutcome: 'kept' }, facts.userId),
  )
  tell(appointmentReminderDue, ({ reminder, media, skipAfter, ...facts }) => [
    {
      ...appointmentNotice('appointment_reminder', facts),
      // Of a service from before names had to differ, two may have one.
      about: `${facts.appointmentId} ${facts.version} ${reminder} ${skipAfter}`,
      claim: 'booked',
      tracks: [...tracksFor(media as Medium[]), [{ medium: 'in_app' }]],
      expiresAt: skipAfter,
    },
  ])
  tell(reviewAsked, (facts) => [{ ...appointmentNotice('review_request', facts), claim: 'unreviewed' }])
  tell(placeOffered, ({ until, ...facts }) => [
    {
      ...appointmentNotice('appointment_place_free', facts),
      data: { offeredUntil: until },
      claim: 'offered',
      expiresAt: until,
    },
  ])
}

function withdrawalNotice(template: string, { userId, sealedToken: _, ...data }: WithdrawalFacts): Notice {
  return { userId, template, data, about: data.withdrawalId }
}

interface DepositFacts extends AppointmentFacts {
  depositOutcome: string
  deposit: number
  currency: string
}

const withOutcome = (template: string, facts: DepositFacts): Notice => ({
  ...appointmentNotice(template, facts),
  data: { depositOutcome: facts.depositOutcome, deposit: facts.deposit, currency: facts.currency },
})

/** A deposit that was kept moved money: whom it concerns hears of it. */
function depositNotices(template: string, facts: DepositFacts, userId: string | undefined): Notice[] {
  if (userId === undefined || facts.depositOutcome !== 'kept' || facts.deposit === 0) return []
  const { deposit, currency } = facts
  return [{ ...appointmentNotice(template, { ...facts, userId }), data: { deposit, currency } }]
}

/** What is new in somebody's diary, unless it is their own appointment. */
function staffNotices(
  what: StaffNews,
  { startsAt, ...facts }: AppointmentFacts & { startsAt?: number },
  userId: string | undefined,
): Notice[] {
  if (userId === undefined || userId === facts.userId) return []
  const notice = appointmentNotice('appointment_for_staff', { ...facts, userId })
  // Once it has begun nobody needs to hear that it is in their diary.
  const ahead = what === 'booked' || what === 'moved' ? { claim: 'booked' as const, expiresAt: startsAt } : {}
  return [{ ...notice, ...ahead, data: { what }, people: { customer: facts.userId } }]
}

interface AppointmentFacts {
  appointmentId: string
  userId: string
  version: number
}

/** What is said of it is looked up when it is sent, and each version is told of once. */
function appointmentNotice(template: string, { userId, appointmentId, version }: AppointmentFacts): Notice {
  return { userId, template, data: {}, appointmentId, version, about: `${appointmentId} ${version}` }
}
