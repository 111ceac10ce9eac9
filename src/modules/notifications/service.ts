/**
 * Messages about what happened. An event becomes one job a message, in the transaction that ends the event’s delivery,
 * so each message is put in once; the job looks the person up, renders and sends, and is tried again while the channel
 * fails. Nothing that caused a message ever waits for it.
 */

import type { Static, TSchema } from '@sinclair/typebox'
import type { Tx } from '../../platform/db'
import type { Events, EventType, Happened } from '../../platform/events'
import type { Jobs } from '../../platform/jobs'
import { HopelessError } from '../../platform/queue'
import type { Runtime } from '../../platform/runtime'
import { cashInCompleted, floatIssued } from '../agents'
import {
  codeIssued,
  type Identity,
  newDeviceSeen,
  passwordResetAsked,
  registrationRepeated,
  securityChanged,
  sessionsRevoked,
  type User,
  userActivated,
} from '../identity'
import { transferCompleted } from '../wallet'
import {
  type WithdrawalFacts,
  withdrawalCancelled,
  withdrawalExpired,
  withdrawalPaid,
  withdrawalRequested,
  withdrawalReversed,
} from '../withdrawals'
import type { Channel, Medium } from './channels/channel'
import { render, type TemplateName } from './templates'

/** One message to one person. Names of other people are looked up when it is sent; a code travels sealed. */
interface Notice {
  userId: string
  template: TemplateName
  data: Record<string, unknown>
  /** Members of `data` that are user ids, to be replaced by names. */
  people?: Record<string, string>
  /** A code or a token, sealed under the instance’s key, and the member of `data` that it becomes. */
  sealed?: { member: string; secret: string }
  /** Facts of this session are looked up when it is sent. */
  sessionId?: string
  /** By what it travels; by e-mail if nothing is said. */
  medium?: Medium
  /** Where it goes, if that is not the person’s own address. */
  addressId?: string | undefined
  /** After this it is not sent any more. */
  expiresAt?: number
}

const ATTEMPTS = 8

export function createNotifications(
  { clock, keyring, metrics }: Runtime,
  { identity, events, jobs }: { identity: Identity; events: Events; jobs: Jobs },
  channels: readonly Channel[],
  baseUrl: () => string,
): void {
  // With no channel there is nobody to tell, and the outbox keeps no deliveries for one.
  if (channels.length === 0) return

  const deliver = jobs.define<Notice & { channel: string }>({
    name: 'notifications.deliver',
    attempts: ATTEMPTS,
    run: async (notice) => {
      if (notice.expiresAt !== undefined && notice.expiresAt <= clock()) {
        metrics.messages.inc({ channel: notice.channel, outcome: 'expired' })
        return undefined
      }
      const user = await identity.find(notice.userId)
      if (!user) throw new HopelessError(`The user ${notice.userId} is not there.`)
      const to = await addressFor(notice, user)
      if (to === undefined) {
        metrics.messages.inc({ channel: notice.channel, outcome: 'no_address' })
        return undefined
      }
      const message = render(notice.template, (await fill(notice)) as never, nameOf(user))
      await channelOf(notice).send({ to, medium: notice.medium ?? 'email', ...message })
      metrics.messages.inc({ channel: notice.channel, outcome: 'sent' })
      return undefined
    },
  })

  /** Nothing, if by now there is no such address. */
  async function addressFor({ medium = 'email', addressId }: Notice, user: User): Promise<string | undefined> {
    if (addressId !== undefined) return identity.addressOf(addressId)
    if (medium === 'email') return user.email || undefined
    return user.phoneVerifiedAt === null ? undefined : (user.phone ?? undefined)
  }

  function channelOf({ channel }: { channel: string }): Channel {
    const found = channels.find(({ name }) => name === channel)
    if (!found) throw new HopelessError(`There is no channel "${channel}" any more.`)
    return found
  }

  async function fill({ data, people = {}, sealed, sessionId }: Notice): Promise<Record<string, unknown>> {
    const names: Record<string, string> = {}
    for (const [member, userId] of Object.entries(people)) {
      names[member] = (await identity.find(userId))?.name ?? 'somebody'
    }
    const secret = sealed === undefined ? {} : { [sealed.member]: keyring.open('code-in-transit', sealed.secret) }
    const session = sessionId === undefined ? {} : await factsOf(sessionId)
    const link = 'token' in secret ? { link: `${baseUrl()}/reset-password?token=${secret.token}` } : {}
    return { ...data, ...names, ...secret, ...session, ...link }
  }

  async function factsOf(sessionId: string) {
    const session = await identity.sessions.find(sessionId)
    return {
      userAgent: session?.userAgent ?? 'an unknown program',
      address: session?.address ?? 'an unknown address',
      at: new Date(session?.createdAt ?? clock()).toUTCString(),
    }
  }

  /** One job a message and channel, in order for each person. */
  const put = (tx: Tx, eventId: number, notice: Notice & { channel: string }) =>
    deliver(tx, notice, {
      uniqueKey: `${eventId} ${notice.template} ${notice.userId} ${notice.channel} ${notice.medium} ${notice.addressId}`,
      orderingKey: `${notice.userId} ${notice.channel}`,
    })

  function tell<Payload extends TSchema>(
    type: EventType<Payload>,
    notices: (payload: Static<Payload>, event: Happened<Static<Payload>>) => Notice[],
  ): void {
    events.subscribe({
      name: 'notifications',
      to: type,
      handle: async (event) => async (tx) => {
        for (const notice of notices(event.payload, event)) {
          const reaching = channels.filter(({ media }) => media.includes(notice.medium ?? 'email'))
          for (const { name } of reaching) await put(tx, event.id, { ...notice, channel: name })
        }
      },
    })
  }

  tell(codeIssued, ({ userId, purpose, channel, addressId, sealedCode, expiresAt }) => [
    {
      userId,
      template: 'code',
      data: { purpose },
      sealed: { member: 'code', secret: sealedCode },
      medium: channel,
      addressId: addressId ?? undefined,
      expiresAt,
    },
  ])
  tell(passwordResetAsked, ({ userId, sealedToken, expiresAt }) => [
    {
      userId,
      template: 'password_reset',
      data: {},
      sealed: { member: 'token', secret: sealedToken },
      expiresAt,
    },
  ])
  tell(newDeviceSeen, ({ userId, sessionId }) => [{ userId, template: 'new_device', data: {}, sessionId }])
  // On every channel that reaches the person, and to the address that was left: whoever holds one may have lost another.
  tell(securityChanged, ({ userId, change, addressId }) => {
    const notice = { userId, template: 'security_changed' as const, data: { change } }
    const left: Medium = change === 'phone_changed' || change === 'phone_removed' ? 'sms' : 'email'
    return [
      { ...notice, medium: 'email' },
      { ...notice, medium: 'sms' },
      ...(addressId === undefined ? [] : [{ ...notice, medium: left, addressId }]),
    ]
  })
  tell(userActivated, ({ userId }) => [{ userId, template: 'welcome', data: {} }])
  tell(registrationRepeated, ({ userId }) => [{ userId, template: 'registration_repeated', data: {} }])
  tell(sessionsRevoked, ({ userId }) => [{ userId, template: 'sessions_revoked', data: {} }])

  tell(transferCompleted, ({ fromUserId, toUserId, fromBalance, toBalance, transferId, amount, fee, currency }) => [
    {
      userId: fromUserId,
      template: 'money_sent',
      data: { amount, fee, currency, transferId, balance: fromBalance },
      people: { to: toUserId },
    },
    {
      userId: toUserId,
      template: 'money_received',
      data: { amount, currency, transferId, balance: toBalance },
      people: { from: fromUserId },
    },
  ])
  tell(cashInCompleted, ({ customerId, agentId, customerBalance, transferId, amount, currency }) => [
    {
      userId: customerId,
      template: 'cash_in',
      data: { amount, currency, transferId, balance: customerBalance },
      people: { from: agentId },
    },
  ])
  tell(floatIssued, ({ agentId, ...data }) => [{ userId: agentId, template: 'float_issued', data }])

  const toCustomer = (template: TemplateName) => (facts: WithdrawalFacts) => [withdrawalNotice(template, facts)]
  tell(withdrawalRequested, toCustomer('withdrawal_requested'))
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
}

/** A name that nobody has confirmed yet may be anything that a stranger wants our mail to say. */
const nameOf = (user: User) => (user.status === 'pending_verification' ? undefined : user.name)

function withdrawalNotice(template: TemplateName, { userId, ...data }: WithdrawalFacts): Notice {
  return { userId, template, data }
}
